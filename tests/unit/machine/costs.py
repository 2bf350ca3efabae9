"""What judging a step costs, and states to measure it on: a usual one, and trees as deep as no one can make them.

Gas is that of a transaction to the prover, execution and calldata (16 a byte, 4 a zero byte), without the 21,000 that
any transaction pays. The dispatcher before the prover passes the witness on: `dispatch_gas`.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from tandem.chain.spec import GenesisAccount
from tandem.machine.chain import Ancestry, Chain, NoInbox, Overlay
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, Mode, Prover
from tandem.machine.state_trees import PRESENT, access_key, transient_key
from tandem.machine.stepping import Proven
from tandem.machine.structures import Aux, BlockState, State, Tx, World
from tandem.machine.word_tree import Slice, WordTree
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Hash, Wei
from tandem.state import tree
from tandem.state.account import Account
from tandem.state.database import address_key, slot_key
from tandem.state.tables import StateTables, Table
from tests.support.revm import call_data
from tests.support.solidity import compile_contracts
from tests.unit.machine.support import (
    BLOCK,
    CALLER,
    CONTRACT,
    CURSOR,
    LOGS,
    ORIGIN,
    PARAMETERS,
    TX,
    VAULT,
    VERIFY,
    Provers,
    make_frame,
    make_state,
)

TRANSACTION_GAS = 21_000
ACCOUNTS, SLOTS, STACK_WORDS, MEMORY_BYTES, CODE_BYTES = 2_000, 400, 20, 4_096, 5_000
AT = 2_500
"""Where the instruction stands in the usual code."""
PLENTY_OF_GAS = 10_000_000
DEAD = Address(b"\xde" * 20)
"""No account: cold and new."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of judging one step."""

    gas: int
    witness: int
    """Bytes."""


def cost(provers: Provers, proven: Proven) -> Cost:
    """Let the contract judge it once more and count."""
    prover = Prover(proven.witness[0])
    assert provers.verify(prover, proven.before, proven.witness[1:]) == proven.after
    return Cost(provers.revm.gas_used - TRANSACTION_GAS, len(proven.witness))


def dispatch_gas(provers: Provers, proven: Proven) -> int:
    """What the dispatcher adds to a step's gas."""
    machine = compile_contracts("machine/Machine.sol")["Machine"]
    address = provers.revm.deploy(machine, ("address[13]",), ([provers.address(prover) for prover in Prover],))
    answer = provers.revm.call(address, call_data(VERIFY, proven.before, proven.witness))
    assert answer == proven.after
    return provers.revm.gas_used - TRANSACTION_GAS - cost(provers, proven).gas


# -- a usual state


def account_address(index: int) -> Address:
    """Address of an account of the usual state."""
    return Address(keccak(b"inhabitant %d" % index)[:20])


def words(count: int, seed: int = 1) -> list[int]:
    """Some words without a zero byte."""
    rng = random.Random(seed)
    return [int.from_bytes(bytes(rng.randrange(1, 256) for _ in range(32)), "big") for _ in range(count)]


def noise(size: int, seed: int = 1) -> bytes:
    """Some bytes, none of them zero."""
    return random.Random(seed).randbytes(size).replace(b"\0", b"\1")


@cache
def usual_code(instruction: bytes, size: int = CODE_BYTES, at: int = AT) -> bytes:
    """Code with the instruction at `at`; no other byte pushes, so every JUMPDEST is one."""
    filler = bytes(0x5B if 0x60 <= byte < 0x80 else byte for byte in noise(size, 5))
    return filler[:at] + instruction + filler[at + len(instruction) :]


@cache
def inhabitants() -> dict[Address, GenesisAccount]:
    """The accounts: most have wei only, some code."""
    accounts = {account_address(index): GenesisAccount(Wei(10**18 + index), index % 7) for index in range(ACCOUNTS)}
    for index in range(0, ACCOUNTS, 20):
        accounts[account_address(index)] = GenesisAccount(Wei(index), 1, usual_code(b"\x5b", 1_000 + index, 7))
    slots = tuple((index, value) for index, value in enumerate(words(SLOTS, 2)))
    accounts[CONTRACT] = GenesisAccount(Wei(10**18), 1, usual_code(b"\x5b"), slots)
    accounts[ORIGIN] = GenesisAccount(Wei(10**20), 4)
    accounts[CALLER] = GenesisAccount(Wei(1), 1, usual_code(b"\x5b", 900, 7))
    accounts[VAULT] = GenesisAccount(Wei(10**19), 1)
    return accounts


@cache
def usual_state() -> tuple[StateTables, World, Hash]:
    """Tables, the world amid a transaction, and the state root before that transaction."""
    tables, start = make_state(inhabitants())
    nodes = tables.preimages
    sender = read_record(nodes, start, ORIGIN)
    root = put_account(nodes, start, ORIGIN, replace(sender, nonce=sender.nonce + 1, balance=Wei(10**19)))
    root = put_slot(nodes, root, CONTRACT, 3, 12345)
    warm = [access_key(AccessTag.ADDRESS, account_address(index)) for index in range(10)]
    warm += [access_key(AccessTag.ADDRESS, address) for address in (ORIGIN, CONTRACT, CALLER, VAULT)]
    warm += [access_key(AccessTag.SLOT, CONTRACT, slot) for slot in range(20)]
    access = tree.update(nodes, ZERO_HASH, dict.fromkeys(warm, PRESENT))
    transient = {transient_key(CONTRACT, slot): Hash(word(slot + 1)) for slot in range(10)}
    world = World(root, access, tree.update(nodes, ZERO_HASH, dict(transient)), LOGS[0], LOGS[1], 4_800)
    return tables, world, start


def usual(
    code: bytes,
    operands: Sequence[int] = (),
    *,
    at: int = AT,
    mode: Mode = Mode.EXEC,
    aux: Aux | None = None,
    world: World | None = None,
    tx: Tx = TX,
    block: BlockState = BLOCK,
    gas: int = PLENTY_OF_GAS,
    depth: int = 1,
    memory: bytes | WordTree = b"",
    calldata: Slice | None = None,
    target: Address = CONTRACT,
    is_create: bool = False,
) -> Machine:
    """A machine about to take a step amid a usual transaction. `operands`: the topmost words, the top first."""
    tables, here, start = usual_state()
    world = world or here
    own = WordTree(noise(MEMORY_BYTES, 3)) if memory == b"" else memory
    parents = WordTree(noise(MEMORY_BYTES, 4))
    below = words(max(STACK_WORDS - len(operands), 0))
    parent = make_frame(usual_code(b"\x5b", 900, 7), words(STACK_WORDS, 6), depth=0, target=CALLER, entry_world=here)
    parent.memory = parents
    frame = make_frame(
        code,
        [*below, *reversed(operands)],
        gas=gas,
        pc=at,
        depth=depth,
        calldata=calldata or Slice.of(parents, 1_001, 164),
        returned=Slice.of(parents, 333, 64),
        target=target,
        entry_world=here,
        parent=parent if depth else None,
        is_create=is_create,
    )
    frame.memory = own if isinstance(own, WordTree) else WordTree(own)
    chain = Chain(Overlay(tables.preimages), PARAMETERS, NoInbox(), Ancestry())
    return Machine(chain, State(mode, block, CURSOR, world, frame, replace(tx, start_root=start), aux))


def read_record(nodes: Table, root: Hash, address: Address) -> Account:
    """An account that is there."""
    record_hash = tree.get(nodes, root, address_key(address))
    assert record_hash is not None
    record = nodes.get(record_hash)
    assert record is not None
    return Account.decode(record)


def put_account(nodes: Table, root: Hash, address: Address, account: Account) -> Hash:
    """The state root with this account."""
    record = account.encode()
    nodes.put(keccak(record), record)
    return tree.update(nodes, root, {address_key(address): keccak(record)})


def put_slot(nodes: Table, root: Hash, address: Address, slot: int, value: int) -> Hash:
    """The state root with this value in a slot of an account that is there."""
    account = read_record(nodes, root, address)
    storage = tree.update(nodes, account.storage_root, {slot_key(slot): word(value) if value else None})
    return put_account(nodes, root, address, replace(account, storage_root=storage))


# -- trees as deep as no one can make them

DEEPEST = 100
"""Levels of a proof that count as the worst. A sibling at depth d takes a key that shares its first d bits with the key
that is proved: 2^d hashes for a given key, and 2^80 are out of reach. Two keys of one's own that share 100 bits take
2^50, but give one sibling there, not one on each level. So nobody has a path of 100 siblings."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is around a key: `siblings` levels from the root on with a sibling each, and, if `shared` is more, the leaf
    of a key that shares so many bits."""

    siblings: int = DEEPEST
    shared: int = 0
    """Of a foreign leaf on the path. Not above DEEPEST."""


def grow(nodes: Table, root: Hash, shapes: Mapping[bytes, Shape], seed: int = 1) -> Hash:
    """The root of the tree with keys added around each of these, whose own values stay. Keys are what one likes here,
    since no one asks for the addresses or slots that they would be hashes of."""
    rng = random.Random(seed)
    own = {key: tree.get(nodes, root, key) for key in shapes}
    added: dict[bytes, bytes | None] = {}
    for key, shape in shapes.items():
        depths = [*range(shape.siblings), *([shape.shared] if shape.shared > shape.siblings else [])]
        for depth in depths:
            added[_beside(key, depth, rng)] = rng.randbytes(32).replace(b"\0", b"\1")
    return tree.update(nodes, root, added | own)


def _beside(key: bytes, depth: int, rng: random.Random) -> bytes:
    """A key that shares the first `depth` bits, and not the next."""
    rest = 255 - depth
    number = int.from_bytes(key, "big") >> rest ^ 1
    return (number << rest | rng.getrandbits(rest)).to_bytes(32, "big")


def crowded_tree(data: bytes, offset: int, size: int) -> WordTree:
    """A word tree of `size` words, `data` at `offset`, where each sibling of these bytes' words is something."""
    memory = WordTree()
    memory.extend(size)
    memory.write(offset, data)
    first, last = offset >> 5, (offset + max(len(data), 1) - 1) >> 5
    for level in range(memory.depth):
        for index in (first - 1 if first & 1 else None, None if last & 1 else last + 1):
            if index is not None and index << level < size:
                memory.write(32 * (index << level), noise(32, level + 1))
        first, last = first >> 1, last >> 1
    return memory
