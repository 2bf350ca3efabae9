"""The dearest form of each step, by search.

Each case builds a step from a few numbers; the search climbs over these numbers, from both ends and from random places,
and keeps the dearest it finds in worst_found.json. test_costs.py judges what was found. To search again (some minutes):

    python -m tests.unit.machine.worst [NAME...] [--tries 60] [--seed 1]
"""

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tandem.batch import lz4
from tandem.batch.packed import MAX_PACKED_BYTES, pack
from tandem.batch.payload import MAX_BATCH_BYTES, MAX_DECODED_BYTES
from tandem.chain.header import Header
from tandem.chain.spec import GenesisAccount
from tandem.inbox.queues import L1Context, Message
from tandem.machine import (
    batches,
    blocks,
    frames,
    memory_ops,
    messages,
    precompiles,
    sponge,
    transaction_begin,
    transaction_end,
)
from tandem.machine.frames import contract_address
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, Mode, Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.state_trees import PRESENT, access_key, transient_key
from tandem.machine.stepper import execute
from tandem.machine.stepping import Proven, StepFunction
from tandem.machine.structures import (
    CallMessage,
    Check,
    CopyJob,
    CreateMessage,
    Cursor,
    End,
    Exit,
    HashJob,
    Precompile,
    Scan,
    State,
    Warm,
)
from tandem.machine.word_tree import EMPTY_SLICE, Slice, WordTree
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Seconds, Wei
from tandem.state import tree
from tandem.state.account import EMPTY_ACCOUNT
from tandem.state.database import address_key, slot_key
from tests.unit.machine import test_precompiles
from tests.unit.machine.costs import (
    DEAD,
    DEEPEST,
    Cost,
    Shape,
    account_address,
    cost,
    crowded_tree,
    grow,
    noise,
    put_account,
    put_slot,
    read_record,
    usual,
    usual_code,
    words,
)
from tests.unit.machine.on_inbox import OneChain, make_chain
from tests.unit.machine.support import BLOCK, CALLER, CONTRACT, ORIGIN, TX, VAULT
from tests.unit.machine.test_transaction_begin import Case as Sent
from tests.unit.machine.test_transaction_begin import machine_at

Numbers = dict[str, int]
Step = tuple[Machine, Prover, StepFunction]
FOUND = Path(__file__).with_name("worst_found.json")
LIMIT = 10_000_000
"""Gas that no step may exceed: an L1 transaction has 2^24 at most (EIP-7825), and a dispute's contract needs some."""

MAX_INIT_CODE, MAX_CODE, MAX_HASHED, RATE = 49_152, 24_576, 65_536, 136
MEMORY_WORDS = 91_000
"""About as many as 2^24 gas can buy."""
THERE = account_address(777)
WORD = words(1, 21)[0]
CODE_BYTE = {"JUMPDEST": 0x5B, "PUSH1": 0x60, "PUSH32": 0x7F}
LEVELS = {"levels": (0, DEEPEST), "shared": (0, DEEPEST)}
CODE = {"code size": (1, MAX_INIT_CODE), "pc": (0, MAX_INIT_CODE - 1)}


@dataclass(frozen=True, slots=True)
class Worst:
    """A kind of step with what may vary: numbers from low to high; and where it is known to be dear."""

    space: dict[str, tuple[int, int]]
    build: Callable[[OneChain, Numbers], Step]
    known: tuple[Numbers, ...] = ()

    def measure(self, chain: OneChain, numbers: Numbers) -> tuple[Cost, Proven]:
        """Take and judge the step. The contract's answer is compared with Python's."""
        machine, prover, function = self.build(chain, numbers)
        surcharge = osaka_surcharge(machine) if prover == Prover.PRECOMPILES else 0
        proven = chain.provers.check(machine, prover, function)
        measured = cost(chain.provers, proven)
        return Cost(measured.gas + surcharge, measured.witness), proven


# -- around the keys of a step


def shape_of(numbers: Numbers) -> Shape:
    """What is around each key."""
    return Shape(numbers["levels"], numbers["shared"])


def deepen(
    m: Machine,
    numbers: Numbers,
    accounts: Sequence[Address] = (),
    access: Sequence[Hash] = (),
    transient: Sequence[Hash] = (),
) -> Machine:
    """Let the trees be deep around these keys."""
    shape, nodes = shape_of(numbers), m.chain.nodes
    assert m.world is not None
    m.world = replace(
        m.world,
        state_root=grow(nodes, m.world.state_root, {address_key(address): shape for address in accounts}, 1),
        access_root=grow(nodes, m.world.access_root, dict.fromkeys(access, shape), 2),
        transient_root=grow(nodes, m.world.transient_root, dict.fromkeys(transient, shape), 3),
    )
    return m


def warm(m: Machine, *keys: Hash) -> None:
    """Have these in the access set."""
    assert m.world is not None
    root = tree.update(m.chain.nodes, m.world.access_root, dict.fromkeys(keys, PRESENT))
    m.world = replace(m.world, access_root=root)


def at_opcode(name: str, numbers: Numbers, operands: Sequence[int] = (), data: bytes = b"", **fields: object) -> Step:
    """About to do this instruction, in code of these numbers."""
    opcode = next(opcode for opcode in OPCODES if opcode is not None and opcode.name == name)
    size = numbers.get("code size", MAX_INIT_CODE)
    at = min(numbers.get("pc", 0), size - 1)
    code = usual_code.__wrapped__(bytes([opcode.number]) + data, size, at)[:size]
    return usual(code, operands, at=at, **fields), opcode.prover, execute  # type: ignore[arg-type]


def number_of(address: Address) -> int:
    """The address as a stack word."""
    return int.from_bytes(address, "big")


# -- EXEC


def hashing(name: str, topics: Sequence[int] = ()) -> Worst:
    """KECCAK256 and LOGn: memory as long as one step hashes, amid other memory."""

    def build(_: OneChain, numbers: Numbers) -> Step:
        size, offset = numbers["size"], numbers["offset"]
        total = max(numbers["memory words"], (offset + size + 31) // 32)
        memory = crowded_tree(noise(size), offset, total)
        return at_opcode(name, numbers, (offset, size, *topics), memory=memory)

    return Worst(CODE | {"size": (0, MAX_HASHED), "offset": (0, 1 << 21), "memory words": (0, MEMORY_WORDS)}, build)


def memory_access(name: str) -> Worst:
    """MLOAD, MSTORE: a word across two."""

    def build(_: OneChain, numbers: Numbers) -> Step:
        offset = numbers["offset"]
        memory = crowded_tree(noise(64), offset & ~31, max(numbers["memory words"], offset // 32 + 2))
        return at_opcode(name, numbers, (offset, WORD)[: 1 if name == "MLOAD" else 2], memory=memory)

    return Worst(CODE | {"offset": (0, 1 << 21), "memory words": (0, MEMORY_WORDS)}, build)


def calldata_load() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        start = numbers["offset"]
        view = Slice.of(crowded_tree(noise(64), start & ~31, numbers["words"] + start // 32), start, 64)
        return at_opcode("CALLDATALOAD", numbers, (numbers["from"],), calldata=view)

    return Worst(CODE | {"offset": (0, 1 << 21), "words": (3, MEMORY_WORDS), "from": (0, 100)}, build)


def push32() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        return at_opcode("PUSH32", numbers, data=noise(32))

    return Worst(CODE, build)


def jump_if() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        size = numbers["code size"]
        code = usual_code(b"\x57", size, min(numbers["pc"], size - 1))
        target = code.find(b"\x5b", numbers["target"] % size)
        return at_opcode("JUMPI", numbers, (max(target, 0), 1))

    return Worst(CODE | {"code size": (700, MAX_INIT_CODE), "target": (0, MAX_INIT_CODE)}, build)


def block_hash() -> Worst:
    recent = WordTree(noise(32 * 256, 8), 8)

    def build(_: OneChain, numbers: Numbers) -> Step:
        block = replace(BLOCK, number=300, recent_hashes=recent.root())
        m, prover, function = at_opcode("BLOCKHASH", numbers, (300 - numbers["back"],), block=block)
        for past in range(44, 300):
            m.chain.ancestry.add(past, recent.node(0, past % 256))
        return m, prover, function

    return Worst(CODE | {"back": (0, 257)}, build)


def blob_hash() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        hashes = noise(32 * numbers["count"], 4)
        tx = replace(TX, blob_hashes=keccak(hashes))
        m, prover, function = at_opcode("BLOBHASH", numbers, (numbers["index"],), tx=tx)
        m.chain.nodes.put(keccak(hashes), hashes)
        return m, prover, function

    return Worst(CODE | {"count": (1, 255), "index": (0, 256)}, build)


STUDIED = {
    "KECCAK256", "LOG4", "MLOAD", "MSTORE", "CALLDATALOAD", "PUSH32", "JUMPI", "BLOCKHASH", "BLOBHASH", "BALANCE",
    "EXTCODESIZE", "EXTCODEHASH", "EXTCODECOPY", "SELFBALANCE",
}  # fmt: skip
"""Instructions of the first three provers with a case of their own."""


def any_other() -> Worst:
    """Instructions whose cost hangs on no state and on little data: which of them is one of the numbers."""
    provers = (Prover.COMPUTE, Prover.ENVIRONMENT, Prover.MEMORY_OPS)
    others = [item for item in OPCODES if item is not None and item.prover in provers and item.name not in STUDIED]

    def build(_: OneChain, numbers: Numbers) -> Step:
        opcode = others[numbers["opcode"]]
        data = noise(opcode.number - 0x5F) if opcode.name.startswith("PUSH") else b""
        in_memory = opcode.prover == Prover.MEMORY_OPS
        operands = (66, 31, 64, WORD, WORD, WORD)[: opcode.pops] if in_memory else words(opcode.pops, 5)
        return at_opcode(opcode.name, numbers, operands, data)

    return Worst(CODE | {"opcode": (0, len(others) - 1)}, build)


def own_balance() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m, prover, function = at_opcode("SELFBALANCE", numbers)
        return deepen(m, numbers, (CONTRACT,)), prover, function

    return Worst(CODE | LEVELS, build)


def storage(name: str) -> Worst:
    """SLOAD and SSTORE. A value: 0 none, 1 and 2 two others."""
    slot, values = 7_777, (0, WORD, WORD ^ 1)

    def build(_: OneChain, numbers: Numbers) -> Step:
        operands = (slot,) if name == "SLOAD" else (slot, values[numbers["value"]])
        m, prover, function = at_opcode(name, numbers, operands)
        assert m.world is not None and m.tx is not None
        nodes, shape = m.chain.nodes, shape_of(numbers)

        def deep(root: Hash, value: int, seed: int) -> Hash:
            root = put_slot(nodes, root, CONTRACT, slot, value)
            account = read_record(nodes, root, CONTRACT)
            account = replace(account, storage_root=grow(nodes, account.storage_root, {slot_key(slot): shape}, seed))
            root = put_account(nodes, root, CONTRACT, account)
            return grow(nodes, root, {address_key(CONTRACT): shape}, seed)

        m.tx = replace(m.tx, start_root=deep(m.tx.start_root, values[numbers.get("original", 0)], 4))
        m.world = replace(m.world, state_root=deep(m.world.state_root, values[numbers["current"]], 5))
        key = access_key(AccessTag.SLOT, CONTRACT, slot)
        if numbers["warm"]:
            warm(m, key)
        return deepen(m, numbers, access=(key,)), prover, function

    space = CODE | LEVELS | {"current": (0, 2), "warm": (0, 1)}
    return Worst(space | ({"original": (0, 2), "value": (0, 2)} if name == "SSTORE" else {}), build)


def transient(name: str) -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        slot = 4 if numbers["there"] else 44
        operands = (slot,) if name == "TLOAD" else (slot, WORD * numbers["value"])
        m, prover, function = at_opcode(name, numbers, operands)
        return deepen(m, numbers, transient=(transient_key(CONTRACT, slot),)), prover, function

    return Worst(CODE | LEVELS | {"there": (0, 1)} | ({"value": (0, 1)} if name == "TSTORE" else {}), build)


def of_account(name: str) -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        who = THERE if numbers["there"] else DEAD
        tail = () if name != "EXTCODECOPY" else (0, 0, 1_000)
        m, prover, function = at_opcode(name, numbers, (number_of(who), *tail))
        key = access_key(AccessTag.ADDRESS, who)
        if numbers["warm"]:
            warm(m, key)
        return deepen(m, numbers, (who,), (key,)), prover, function

    return Worst(CODE | LEVELS | {"there": (0, 1), "warm": (0, 1)}, build)


def calling(name: str) -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        who = THERE if numbers["there"] else DEAD
        value = (10**15 * numbers["value"],) if name in ("CALL", "CALLCODE") else ()
        m, prover, function = at_opcode(name, numbers, (500_000, number_of(who), *value, 0, 100, 0, 100))
        key = access_key(AccessTag.ADDRESS, who)
        if numbers["warm"]:
            warm(m, key)
        return deepen(m, numbers, (who, CONTRACT), (key,)), prover, function

    return Worst(CODE | LEVELS | {"there": (0, 1), "warm": (0, 1), "value": (0, 1)}, build)


def creating(name: str) -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        salt = (WORD,) if name == "CREATE2" else ()
        m, prover, function = at_opcode(name, numbers, (1, 64, 1_500, *salt))
        return deepen(m, numbers, (CONTRACT,)), prover, function

    return Worst(CODE | LEVELS, build)


def self_destruct() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        heir = (THERE, DEAD, CONTRACT)[numbers["heir"]]
        m, prover, function = at_opcode("SELFDESTRUCT", numbers, (number_of(heir),))
        nodes = m.chain.nodes
        assert m.world is not None
        if numbers["bare"]:  # nothing but wei: without them it is empty, and goes
            account = replace(EMPTY_ACCOUNT, balance=Wei(10**18))
            m.world = replace(m.world, state_root=put_account(nodes, m.world.state_root, CONTRACT, account))
        keys = [access_key(AccessTag.ADDRESS, heir), access_key(AccessTag.CREATED, CONTRACT)]
        if numbers["created"]:
            warm(m, keys[1])
        if numbers["warm"]:
            warm(m, keys[0])
        return deepen(m, numbers, list({heir, CONTRACT}), keys), prover, function

    return Worst(
        CODE | LEVELS | {"heir": (0, 2), "bare": (0, 1), "created": (0, 1), "warm": (0, 1)},
        build,
    )


# -- frames


def enter_call() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m = usual(usual_code(b"\x5b"), mode=Mode.CALL, depth=numbers["depth"])
        target = (THERE, DEAD)[numbers["target"] % 2]
        assert m.world is not None
        if numbers["target"] == 3:  # there, and empty: touched, it goes
            root = put_account(m.chain.nodes, m.world.state_root, target, EMPTY_ACCOUNT)
            m.world = replace(m.world, state_root=root)
        value = 10**15 * numbers["value"]
        m.aux = CallMessage(False, CONTRACT, target, target, value, True, 500_000, EMPTY_SLICE, 0, 32)
        return deepen(m, numbers, (target, CONTRACT)), Prover.FRAMES, frames.enter_call

    return Worst(LEVELS | {"depth": (0, 1), "target": (0, 3), "value": (0, 1)}, build)


def enter_creation() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        size, offset = numbers["size"], numbers["offset"]
        code = code_of(numbers, size)
        view = Slice.of(
            crowded_tree(code, offset, max(numbers["memory words"], (offset + size + 31) // 32)), offset, size
        )
        m = usual(usual_code(b"\x5b"), mode=Mode.CREATE, memory=b"\1" * 32)
        aux = CreateMessage(
            CONTRACT, numbers["value"], 1_000_000, 2**64 - 2, bool(numbers["create2"]), WORD * numbers["create2"], view
        )
        m.aux = aux
        new = contract_address(aux, code)
        keys = (access_key(AccessTag.ADDRESS, new), access_key(AccessTag.CREATED, new))
        return deepen(m, numbers, (new, CONTRACT), keys), Prover.FRAMES, frames.enter_creation

    sizes = {"size": (0, MAX_INIT_CODE), "offset": (0, 1 << 20), "memory words": (0, MEMORY_WORDS), "fill": (0, 3)}
    return Worst(LEVELS | sizes | {"value": (0, 1), "create2": (0, 1)}, build)


def code_of(numbers: Numbers, size: int) -> bytes:
    """Code of one instruction over and over, or of any."""
    fill = numbers["fill"]
    return noise(size) if fill == 3 else bytes([list(CODE_BYTE.values())[fill]]) * size


def deposit() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        size, offset = numbers["size"], numbers["offset"]
        code = code_of(numbers, size)
        memory = crowded_tree(code, offset, max(numbers["memory words"], (offset + size + 31) // 32))
        m = usual(usual_code(b"\x5b"), mode=Mode.DEPOSIT, is_create=True, target=THERE, memory=memory)
        m.aux = Exit(1, Slice.of(memory, offset, size))
        return deepen(m, numbers, (THERE,)), Prover.FRAMES, frames.deposit_code

    sizes = {"size": (0, MAX_CODE), "offset": (0, 1 << 20), "memory words": (0, MEMORY_WORDS), "fill": (0, 3)}
    return Worst(LEVELS | sizes, build)


def exit_frame() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m = usual(usual_code(b"\x5b"), mode=Mode.EXIT, depth=numbers["depth"], is_create=bool(numbers["creates"]))
        assert m.frame is not None
        m.aux = Exit(numbers["status"], Slice.of(m.frame.memory, 100, numbers["size"] if numbers["status"] else 0))
        return m, Prover.FRAMES, frames.exit_frame

    return Worst({"depth": (0, 1), "creates": (0, 1), "status": (0, 2), "size": (0, 200)}, build)


def copy() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        to, size = numbers["to"], numbers["size"]
        m = usual(usual_code(b"\x5b"), mode=Mode.COPY, memory=crowded_tree(noise(1_024), to, MEMORY_WORDS))
        source = WordTree(noise(MAX_INIT_CODE, 9), 11)
        if not numbers["code"]:
            source = crowded_tree(noise(1_200), numbers["from"], MEMORY_WORDS)
        start = min(numbers["from"], MAX_INIT_CODE - 2_000) if numbers["code"] else numbers["from"]
        m.aux = CopyJob(numbers["code"], source, start, 5_000, to, size)
        return m, Prover.MEMORY_OPS, memory_ops.copy

    return Worst({"code": (0, 1), "to": (0, 1 << 20), "from": (0, 1 << 20), "size": (1, 4_096)}, build)


def absorb() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        offset, size = numbers["offset"], numbers["size"]
        memory = crowded_tree(noise(RATE), offset, max(numbers["memory words"], offset // 32 + 6))
        m = usual(usual_code(b"\x5b"), mode=Mode.KECCAK)
        lanes = (*words(6, 10), 2**64 - 1)
        topics = (WORD, WORD, WORD, WORD) if numbers["log"] else (0, 0, 0, 0)
        m.aux = HashJob(lanes, memory, offset, size, 5 * numbers["log"], topics)  # type: ignore[arg-type]
        return m, Prover.SPONGE, sponge.absorb_next

    return Worst(
        {"offset": (0, 1 << 21), "size": (0, 2 * RATE), "memory words": (0, MEMORY_WORDS), "log": (0, 1)}, build
    )


# -- PRECOMPILE


def precompile(
    number: int, data: Callable[[Numbers], bytes], space: dict[str, tuple[int, int]], known: tuple[Numbers, ...] = ()
) -> Worst:
    """One of the ten, its input amid a full tree."""

    def build(_: OneChain, numbers: Numbers) -> Step:
        given, offset = data(numbers), numbers["offset"]
        source = crowded_tree(given, offset, max(numbers["memory words"], (offset + len(given) + 31) // 32))
        view = Slice.of(source, offset, len(given))
        m = usual(b"", at=0, mode=Mode.PRECOMPILE, calldata=view, memory=WordTree(), gas=16_000_000)
        m.aux = Precompile(number)
        return m, Prover.PRECOMPILES, precompiles.run

    place = {"offset": 1 << 20, "memory words": MEMORY_WORDS}
    ranges = {name: (0, value) for name, value in place.items()}
    return Worst(space | ranges, build, tuple(numbers | place for numbers in known))


def modexp_input(numbers: Numbers) -> bytes:
    """Operands without a zero byte, and an exponent of as many bits as the cap on gas allows, less some."""
    base, modulus = numbers["base"], numbers["modulus"]
    longest = max(base, modulus) + 7 >> 3
    bits = min(3 * precompiles.CAPS.modexp_gas // longest**2, 8 * numbers["exponent"]) - numbers["fewer bits"]
    exponent = b"\1" + noise(max(bits, 0) // 8)
    while longest and precompiles.modexp_gas(base, len(exponent), modulus, top(exponent)) > precompiles.CAPS.modexp_gas:
        exponent = exponent[:-1] if exponent[0] == 1 else bytes([exponent[0] >> 1]) + exponent[1:]
    return test_precompiles.operands(noise(base, 3), exponent, noise(modulus, 4))


def top(exponent: bytes) -> int:
    """The part of an exponent whose bits gas hangs on."""
    return int.from_bytes(exponent[:32], "big")


def osaka_surcharge(m: Machine) -> int:
    """What MODEXP costs more on L1 since Osaka (EIP-7883) than on the EVM that measures (EIP-2565)."""
    assert isinstance(m.aux, Precompile) and m.frame is not None
    if m.aux.number != test_precompiles.MODEXP:
        return 0
    data = m.frame.input.bytes()
    base, exponent, modulus = (int.from_bytes(data[at : at + 32], "big") for at in (0, 32, 64))
    head = int.from_bytes(data[96 + base :][: min(exponent, 32)], "big")
    gas = precompiles.modexp_gas(base, exponent, modulus, head)
    if gas > precompiles.CAPS.modexp_gas or not modulus:
        return 0  # not called
    longest = max(base, modulus)
    complexity = 16 if longest <= 32 else 2 * (longest + 7 >> 3) ** 2
    iterations = max(head.bit_length() - 1, 0) + 16 * max(exponent - 32, 0)
    return max(500, complexity * max(iterations, 1)) - gas


def pairing_input(numbers: Numbers) -> bytes:
    """Pairs of points; the culprit, if there is one, is not on the curve."""
    pairs = [test_precompiles.G1 + test_precompiles.G2] * numbers["pairs"]
    if 0 < numbers["culprit"] <= len(pairs):
        pairs[numbers["culprit"] - 1] = test_precompiles.OFF_CURVE + test_precompiles.G2
    return b"".join(pairs)


def either(good: bytes, bad: bytes) -> Callable[[Numbers], bytes]:
    """Valid input or invalid: an attempt that fails burns all gas it was given."""
    return lambda numbers: bad if numbers["invalid"] else good


def precompile_cases() -> dict[str, Worst]:
    known = test_precompiles
    invalid = {"invalid": (0, 1)}
    point = known.POINT
    return {
        "ecrecover": precompile(
            1, either(known.signature(), known.signature()[:32] + word(29) + known.signature()[64:]), invalid
        ),
        "sha256": precompile(2, lambda numbers: noise(numbers["size"]), {"size": (0, MAX_HASHED)}),
        "ripemd160": precompile(3, lambda numbers: noise(numbers["size"]), {"size": (0, MAX_HASHED)}),
        "identity": precompile(4, lambda numbers: noise(numbers["size"]), {"size": (0, MAX_HASHED)}),
        "modexp": precompile(
            5,
            modexp_input,
            {"base": (1, 1_024), "exponent": (1, 1_023), "modulus": (1, 1_024), "fewer bits": (0, 300)},
            ({"base": 128, "exponent": 1_023, "modulus": 128, "fewer bits": 0},),
        ),
        "ecadd": precompile(6, either(known.G1 + known.MINUS_G1, known.G1 + known.OFF_CURVE), invalid),
        "ecmul": precompile(7, either(known.G1 + word(2**256 - 1), known.OFF_CURVE + word(2)), invalid),
        "pairing": precompile(
            8, pairing_input, {"pairs": (0, 150), "culprit": (0, 150)}, ({"pairs": 150, "culprit": 0},)
        ),
        "blake2f": precompile(9, lambda numbers: known.rounds(numbers["rounds"]), {"rounds": (0, 65_536)}),
        "point evaluation": precompile(10, either(point, point[:95] + b"\x01" + point[96:]), invalid),
    }


# -- transactions


def begin_transaction() -> Worst:
    """As long as a packed transaction may be: access list first, data in what is left."""

    def build(_: OneChain, numbers: Numbers) -> Step:
        entries = []
        room = MAX_PACKED_BYTES - 150 - numbers["data"]
        for index in range(numbers["entries"]):
            slots = min(numbers["slots"], max(room - 29, 0) // 33)
            keys = tuple(Hash(noise(32, 100 * index + slot)) for slot in range(slots))
            room -= len(rlp.encode([DEAD, list(keys)]))
            if room < 0:
                break
            entries.append((Address(noise(20, 7_000 + index)), keys))
        data = noise(numbers["data"])
        sent = Sent(
            {"gas_limit": Gas(2**24), "access_list": tuple(entries), "data": data, "type": numbers["type"]}
            | ({} if numbers["type"] else {"access_list": ()}),
            {"origin_base_fee": Wei(1), "gas_used": Gas(0)},
            GenesisAccount(Wei(10**24), 4),
        )
        transaction = sent.transaction()
        packed = pack(transaction)
        m = machine_at(rlp.encode(packed), sent.block_state(), sent.sender, before=b"\1" * numbers["before"])
        block = m.block
        assert not isinstance(block, Header)
        root = grow(m.chain.nodes, block.state_root, {address_key(transaction.sender): shape_of(numbers)})
        m.block = replace(block, state_root=root)
        return m, Prover.TRANSACTION_BEGIN, transaction_begin.begin

    space = {"data": (0, 65_300), "entries": (0, 2_850), "slots": (0, 1_980), "type": (0, 2), "before": (0, 190_000)}
    levels = {"levels": DEEPEST, "shared": DEEPEST, "type": 2, "before": 190_000}
    starts = ((0, 2_850, 0), (0, 2_850, 1), (0, 1, 1_980))
    known = tuple(levels | {"data": data, "entries": entries, "slots": slots} for data, entries, slots in starts)
    return Worst(LEVELS | space, build, known)


def warm_next() -> Worst:
    """An address of the list, a slot of it, or its end."""

    def build(_: OneChain, numbers: Numbers) -> Step:
        position, who = numbers["position"], DEAD
        m = usual(usual_code(b"\x5b"), mode=Mode.WARM)
        entry = rlp.encode([who, [word(WORD)] * numbers["slots"]]) if numbers["what"] else b"\xa0" + word(WORD)
        data = crowded_tree(entry, position, 8_192)
        m.cursor = replace(m.cursor, data=Slice.of(data, 0, 8_192 * 32))
        m.frame = None
        end = position + len(entry)
        key = access_key(AccessTag.ADDRESS, who) if numbers["what"] else access_key(AccessTag.SLOT, who, WORD)
        if numbers["what"] == 2:
            position = end = 0
        m.aux = Warm(position, end, 0 if numbers["what"] else end, who, 500_000)
        if numbers["warm"]:
            warm(m, key)
        return deepen(m, numbers, access=(key,)), Prover.TRANSACTION_END, transaction_end.warm_next

    space = {"position": (0, 190_000), "slots": (0, 1_900), "what": (0, 2), "warm": (0, 1)}
    return Worst(LEVELS | space, build)


def end_transaction() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m = usual(usual_code(b"\x5b"), mode=Mode.END, tx=replace(TX, kind=2))
        m.frame = None
        m.aux = End(1, numbers["gas left"])
        assert m.world is not None
        m.world = replace(m.world, doomed=keccak(b"doomed") if numbers["doomed"] else ZERO_HASH)
        coinbase = VAULT if numbers["vault"] else DEAD
        m.block = replace(BLOCK, coinbase=coinbase)
        return deepen(m, numbers, (ORIGIN, coinbase)), Prover.TRANSACTION_END, transaction_end.end

    return Worst(LEVELS | {"gas left": (0, 1_000_000), "doomed": (0, 1), "vault": (0, 1)}, build)


def sweep() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m = usual(usual_code(b"\x5b"), mode=Mode.SWEEP)
        doomed = THERE if numbers["there"] else DEAD
        link = (keccak(b"more") if numbers["more"] else ZERO_HASH) + doomed.rjust(32, b"\0")
        m.chain.nodes.put(keccak(link), link)
        assert m.world is not None
        m.world = replace(m.world, doomed=keccak(link))
        m.frame = m.tx = None
        return deepen(m, numbers, (doomed,)), Prover.TRANSACTION_END, transaction_end.sweep

    return Worst(LEVELS | {"there": (0, 1), "more": (0, 1)}, build)


# -- blocks, messages and batches


def header() -> Header:
    """A parent block's."""
    recent = WordTree(noise(32 * 256, 8), 8)
    return Header(
        parent_hash=keccak(b"parent"),
        number=300,
        timestamp=Seconds(1_800_000_000),
        state_root=keccak(b"state"),
        transactions_acc=keccak(b"transactions"),
        receipts_acc=keccak(b"receipts"),
        gas_used=Gas(12_345_678),
        gas_limit=Gas(30_000_000),
        base_fee=Wei(2**64 - 1),
        prev_randao=keccak(b"randao"),
        coinbase=VAULT,
        origin=BLOCK.origin,
        messages_consumed=17,
        recent_hashes=recent.root(),
    )


def between(chain: OneChain, mode: Mode, cursor: Cursor) -> Machine:
    """A machine of that chain between two blocks."""
    m = chain.machine(0)
    parent = header()
    for past in range(parent.number - 256, parent.number):
        m.chain.ancestry.add(past, WordTree(noise(32 * 256, 8), 8).node(0, past % 256))
    return Machine(m.chain, State(mode, parent, cursor))


def batch_data(head: bytes, position: int) -> Slice:
    """As long a batch as there may be, with a block's head at `position`."""
    return Slice.of(crowded_tree(head, position, MAX_DECODED_BYTES // 32), 0, MAX_DECODED_BYTES)


def block_head(numbers: Numbers) -> bytes:
    """A block's head, its integers and list as long as they may be."""
    integers = [rlp.encode_int(2 ** numbers["time bits"] - 1), rlp.encode_int(2 ** numbers["messages bits"] - 1)]
    return rlp.encode([*integers, [b"\x81\xff" * numbers["items"]]])


INTEGERS = {"time bits": (1, 64), "messages bits": (1, 64), "items": (1, 30_000), "position": (1, 190_000)}


def begin_block() -> Worst:
    def build(chain: OneChain, numbers: Numbers) -> Step:
        head = block_head(numbers)
        cursor = Cursor(
            3, 9, 17, 20, Seconds(1_800_000_100), batch_data(head, numbers["position"]), numbers["position"]
        )
        return between(chain, Mode.BLOCK, cursor), Prover.BLOCKS, blocks.begin

    return Worst(INTEGERS, build)


def end_block() -> Worst:
    def build(_: OneChain, numbers: Numbers) -> Step:
        m = usual(b"", at=0, mode=Mode.ITEM)
        m.cursor = replace(m.cursor, messages=30, block_messages_end=30)
        m.world = m.frame = m.tx = None
        return m, Prover.BLOCKS, blocks.end

    return Worst({"nothing": (0, 0)}, build)


def halt() -> Worst:
    def build(chain: OneChain, numbers: Numbers) -> Step:
        return between(chain, Mode.HALTED, Cursor(9, 9, 17)), Prover.BLOCKS, blocks.halt

    return Worst({"nothing": (0, 0)}, build)


def check_batch() -> Worst:
    """The head of a block, or a transaction's header."""

    def build(chain: OneChain, numbers: Numbers) -> Step:
        position = numbers["position"]
        head = rlp.encode(noise(numbers["items"])) if numbers["transaction"] else block_head(numbers)
        end = position + len(head) if numbers["transaction"] else position
        cursor = Cursor(3, 9, 17, 20, Seconds(1_800_000_100), batch_data(head, position), position, end)
        m = between(chain, Mode.CHECK, cursor)
        m.aux = Check(4_000)
        return m, Prover.BATCHES, batches.check

    return Worst(INTEGERS | {"transaction": (0, 1)}, build)


def message(size: int, fill: int, to: Address | None, gas: int) -> Message:
    """A message of which nothing is zero."""
    data = noise(size) if fill else bytes(size)
    context = L1Context(2**32 - 1, keccak(b"context"), Seconds(1_900_000_000), Wei(2**63 - 1))
    return Message(CALLER, to, Wei(2**128 - 1), Wei(2**127 - 1), Gas(gas), data, context)


def load_message() -> Worst:
    def build(chain: OneChain, numbers: Numbers) -> Step:
        to = None if numbers["creates"] else DEAD
        planted = chain.inbox.plant(message(numbers["size"], numbers["fill"], to, numbers["gas"]))
        m = usual(b"", at=0, mode=Mode.ITEM)
        index = len(chain.inbox.messages) - 1
        assert chain.inbox.message(index) is planted
        m = deepen(m, numbers, (CALLER,))
        assert m.world is not None
        block = replace(BLOCK, state_root=m.world.state_root)
        cursor = replace(m.cursor, messages=index, block_messages_end=index + 1)
        surroundings = replace(m.chain, inbox=chain.inbox)
        return (
            Machine(surroundings, State(Mode.ITEM, block, cursor)),
            Prover.MESSAGES,
            messages.load,
        )

    space = {"size": (0, 65_536), "fill": (0, 1), "creates": (0, 1), "gas": (100_000, 2**24)}
    return Worst(LEVELS | space, build)


def scan_messages() -> Worst:
    def build(chain: OneChain, numbers: Numbers) -> Step:
        chain.inbox.plant(message(3, 1, DEAD, 2**24))
        m = usual(b"", at=0, mode=Mode.SCAN)
        index = len(chain.inbox.messages) - 1
        cursor = replace(m.cursor, messages=index, block_messages_end=index)
        aux = Scan(2**40, index + numbers["more"], numbers["gas"])
        state = State(Mode.SCAN, BLOCK, cursor, aux=aux)
        return Machine(replace(m.chain, inbox=chain.inbox), state), Prover.MESSAGES, messages.scan

    return Worst({"more": (0, 1), "gas": (0, 30_000_000)}, build)


def load_batch() -> Worst:
    """Compressed as anyone may compress it: three kinds of sequences, as many as the caps of sequences, input and
    output allow; what is left of input and output are literals."""

    def build(chain: OneChain, numbers: Numbers) -> Step:
        data = b"\0\1" + lz4_block(numbers) if numbers["compressed"] else b"\0\0" + noise(MAX_BATCH_BYTES - 2)
        queued = chain.inbox.submit(data)
        cursor = Cursor(queued.index, queued.index + 1, 17)
        return between(chain, Mode.BATCH, cursor), Prover.BATCHES, batches.load

    kinds = {
        f"{what} {kind}": bounds
        for kind in "abc"
        for what, bounds in {
            "literals": (0, 40),
            "match": (4, 300),
            "offset": (1, 64),
            "count": (0, lz4.MAX_SEQUENCES - 2),
        }.items()
    }
    known = ((0, 19, 1, 1_282), (15, 19, 1, 4_092), (0, 35, 17, 2_816))  # as tests/contracts/test_lz4.py has it
    start = {
        f"{what} {kind}": value
        for kind, values in zip("abc", known, strict=True)
        for what, value in zip(("literals", "match", "offset", "count"), values, strict=True)
    }
    return Worst(kinds | {"compressed": (0, 1)}, build, (start | {"compressed": 1},))


def lz4_block(numbers: Numbers) -> bytes:
    """The block that these numbers describe."""
    sequences, room, most = lz4.MAX_SEQUENCES - 2, MAX_BATCH_BYTES - 2, MAX_DECODED_BYTES
    start = sequence(noise(64), 4, 1)
    parts, used, made = [start], len(start), 68
    for kind in "abc":
        literals, match = numbers[f"literals {kind}"], numbers[f"match {kind}"]
        part = sequence(noise(literals), match, numbers[f"offset {kind}"])
        size = literals + match
        fitting = min((room - 400 - used) // len(part), (most - made) // size, sequences)
        count = min(numbers[f"count {kind}"], fitting)
        parts.append(part * count)
        used, made, sequences = used + count * len(part), made + count * size, sequences - count
    rest = max(min(room - used - 390, most - made), 0)
    return b"".join([*parts, sequence(noise(rest), 4, 0)[: -2 if rest else 1]])


def sequence(literals: bytes, match: int, offset: int) -> bytes:
    """An LZ4 sequence (protocol.md, section 5)."""

    def more(value: int) -> bytes:
        return b"" if value < 15 else b"\xff" * ((value - 15) // 255) + bytes([(value - 15) % 255])

    count = len(literals)
    token = bytes([min(count, 15) << 4 | min(match - 4, 15)])
    return token + more(count) + literals + offset.to_bytes(2, "little") + more(match - 4)


WORST: dict[str, Worst] = {
    "KECCAK256": hashing("KECCAK256"),
    "LOG4": hashing("LOG4", words(4, 20)),
    "MLOAD": memory_access("MLOAD"),
    "MSTORE": memory_access("MSTORE"),
    "CALLDATALOAD": calldata_load(),
    "PUSH32": push32(),
    "JUMPI": jump_if(),
    "BLOCKHASH": block_hash(),
    "BLOBHASH": blob_hash(),
    "any other instruction": any_other(),
    "SELFBALANCE": own_balance(),
    **{name: storage(name) for name in ("SLOAD", "SSTORE")},
    **{name: transient(name) for name in ("TLOAD", "TSTORE")},
    **{name: of_account(name) for name in ("BALANCE", "EXTCODESIZE", "EXTCODEHASH", "EXTCODECOPY")},
    **{name: calling(name) for name in ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL")},
    **{name: creating(name) for name in ("CREATE", "CREATE2")},
    "SELFDESTRUCT": self_destruct(),
    "CALL_ENTER": enter_call(),
    "CREATE_ENTER": enter_creation(),
    "FRAME_EXIT": exit_frame(),
    "CODE_DEPOSIT": deposit(),
    "COPY": copy(),
    "KECCAK": absorb(),
    **{f"PRECOMPILE, {name}": worst for name, worst in precompile_cases().items()},
    "TX_BEGIN": begin_transaction(),
    "TX_WARM": warm_next(),
    "TX_END": end_transaction(),
    "SELFDESTRUCT_SWEEP": sweep(),
    "BLOCK_BEGIN": begin_block(),
    "BLOCK_END": end_block(),
    "HALT": halt(),
    "MESSAGE_SCAN": scan_messages(),
    "MESSAGE_LOAD": load_message(),
    "BATCH_LOAD": load_batch(),
    "BATCH_CHECK": check_batch(),
}


# -- the search


def found() -> dict[str, Numbers]:
    """The numbers of the dearest step found, by name."""
    numbers: dict[str, Numbers] = json.loads(FOUND.read_text()) if FOUND.exists() else {}
    return numbers


def search(worst: Worst, chain: OneChain, known: Numbers | None, tries: int, rng: random.Random) -> tuple[Numbers, int]:
    """Both ends and some random places, then a climb from the best: one number at a time, far and near."""
    space = worst.space
    starts = [*worst.known, *([known] if known and known.keys() == space.keys() else [])]
    starts += [{name: bounds[end] for name, bounds in space.items()} for end in (0, 1)]
    best, gas = dict(starts[-1]), 0

    def attempt(numbers: Numbers) -> None:
        nonlocal best, gas
        measured = worst.measure(chain, numbers)[0].gas
        if measured > gas:
            best, gas = dict(numbers), measured

    for numbers in starts:
        attempt(numbers)
    for _ in range(tries // 4):
        attempt({name: rng.randint(*bounds) for name, bounds in space.items()})
    for _ in range(tries):
        name = rng.choice(list(space))
        low, high = space[name]
        near = best[name] + rng.choice((-1, 1)) * rng.choice((1, 1, 2, 7, 31, max((high - low) // 16, 1)))
        attempt(best | {name: max(low, min(high, rng.choice((low, high, rng.randint(low, high), near, near))))})
    return best, gas


def main() -> None:
    """Search and write down."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--tries", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chain, known = make_chain(), found()
    for name in options.names or WORST:
        numbers, gas = search(WORST[name], chain, known.get(name), options.tries, random.Random(options.seed))
        known[name] = numbers
        print(f"{gas:>10,} {name}: {numbers}", flush=True)
        FOUND.write_text(json.dumps({key: known[key] for key in WORST if key in known}, indent=2) + "\n")


if __name__ == "__main__":
    main()
