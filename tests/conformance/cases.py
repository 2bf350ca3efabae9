"""Official state tests as cases: one transaction on one pre-state, and how it must end."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tandem.errors import EncodingError, InvalidTransaction
from tandem.evm.context import BlockContext
from tandem.evm.diff import StateDiff
from tandem.evm.executor import BlockExecutor
from tandem.evm.frame import Frame, Message
from tandem.evm.receipt import Log, Receipt
from tandem.evm.rules import FORKS, Fork, Rules, blob_base_fee, ethereum
from tandem.primitives import rlp
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak
from tandem.primitives.types import Address, Gas, Hash, Seconds, Wei
from tandem.state import tree
from tandem.state.account import Account
from tandem.state.code import code_root
from tandem.state.database import StateDatabase
from tandem.state.tables import MemoryTable, StateTables
from tandem.transactions.transaction import SignedTransaction
from tests.conformance import mpt
from tests.conformance.transactions import decode, from_fields, number, octets

DEFAULT_BASE_FEE = "0x0a"
"""Where a fixture of before London's format has none: retesteth's default."""


class Mismatch(Exception):
    """The case ended otherwise than it must. The message says how."""


@dataclass(frozen=True, slots=True)
class Case:
    """One entry of a fixture's `post`."""

    name: str
    fork: str
    fixture: dict[str, Any]
    post: dict[str, Any]


def read(path: Path, fork: str) -> Iterator[Case]:
    """The file's cases for a fork. Raises ValueError, KeyError, TypeError or AttributeError where it is no fixture."""
    for name, fixture in json.loads(path.read_bytes()).items():
        if name == "_info" or "blocks" in fixture:  # execution-spec-tests keeps whole-block tests in the same format
            continue
        entries = fixture["post"].get(fork, [])
        for position, post in enumerate(entries):
            label = name if len(entries) == 1 else f"{name}[{_position(post, position)}]"
            yield Case(label, fork, fixture, post)


def _position(post: dict[str, Any], position: int) -> str:
    indexes = post.get("indexes")
    return f"d{indexes['data']}g{indexes['gas']}v{indexes['value']}" if indexes else str(position)


class SilentTracer:
    """Sees everything, says nothing: it makes the executor run its exact loop."""

    def enter(self, message: Message) -> None:
        """A frame begins."""

    def step(self, frame: Frame, pc: int, opcode: int) -> None:
        """An instruction is about to run."""

    def leave(self, message: Message, output: bytes, gas_left: int, error: str | None) -> None:
        """A frame ends."""

    def destruct(self, address: bytes, beneficiary: bytes, value: int) -> None:
        """A SELFDESTRUCT."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A case before its transaction: the pre-state in tables, and what the transaction will see."""

    tables: StateTables
    database: StateDatabase
    root: Hash
    context: BlockContext
    rules: Rules


@dataclass(frozen=True, slots=True)
class Ended:
    """How the engine left a case: the state root of our own tree, and the receipt unless it refused the transaction."""

    prepared: Prepared
    root: Hash
    receipt: Receipt | None


def prepare(case: Case) -> Prepared:
    """The case's pre-state and surroundings."""
    fork = _fork(case)
    tables = StateTables(MemoryTable(), MemoryTable(), MemoryTable())
    database = StateDatabase(tables)
    root, _ = database.commit(tree.EMPTY, _genesis(case.fixture["pre"]))
    return Prepared(tables, database, root, _context(case.fixture["env"], fork), ethereum(fork, chain_id(case)))


def chain_id(case: Case) -> int:
    """The chain that the case is on."""
    return number(case.fixture.get("config", {}).get("chainid", "0x01"))


def check(case: Case, traced: bool = False) -> Ended:
    """Run the case through the state database and the block executor. Mismatch where it does not end as it must."""
    prepared = prepare(case)
    database, before = prepared.database, prepared.root
    executor = BlockExecutor(database, prepared.context, prepared.rules)
    receipt: Receipt | None = None
    refusal: Exception | None = None
    try:
        receipt = executor.apply(transaction(case), SilentTracer() if traced else None)
    except (InvalidTransaction, EncodingError) as error:
        refusal = error
    diff = executor.finish()
    after, growth = database.commit(before, diff)
    _compare(case, refusal, receipt.logs if receipt else (), prepared.tables)
    if refusal is not None and after != before:
        raise Mismatch("a refused transaction changed the state")
    if growth != diff.minted - diff.burnt:
        raise Mismatch(f"the supply grew by {growth} wei, {diff.burnt} were reported burnt")
    return Ended(prepared, after, receipt)


def _compare(case: Case, refusal: Exception | None, logs: tuple[Log, ...], tables: StateTables) -> None:
    expected = case.post.get("expectException")
    if expected and refusal is None:
        raise Mismatch(f"accepted, but must be refused: {expected}")
    if refusal is not None and not expected:
        raise Mismatch(f"refused, but must be accepted: {refusal}")
    assert isinstance(tables.accounts, MemoryTable) and isinstance(tables.slots, MemoryTable)
    root = mpt.state_root(tables.accounts, tables.slots)
    if root != octets(case.post["hash"]):
        raise Mismatch(f"state root is 0x{root.hex()}, must be {case.post['hash']}")
    digest = keccak(rlp.encode([[log.address, list(log.topics), log.data] for log in logs]))
    if digest != octets(case.post["logs"]):
        raise Mismatch(f"logs hash is 0x{digest.hex()}, must be {case.post['logs']}")


def _fork(case: Case) -> Fork:
    fork = FORKS[case.fork]
    schedule = case.fixture.get("config", {}).get("blobSchedule", {}).get(case.fork)
    if schedule is None:
        return fork
    fraction = number(schedule["baseFeeUpdateFraction"])
    return replace(fork, max_blobs=number(schedule["max"]), blob_fee_fraction=fraction)


def transaction(case: Case) -> SignedTransaction:
    """The case's transaction. EncodingError where its bytes are none."""
    encoded = case.post.get("txbytes")
    if encoded:
        return decode(octets(encoded))
    return from_fields(case.fixture["transaction"], case.post["indexes"], chain_id(case))


def _genesis(pre: dict[str, Any]) -> StateDiff:
    diff = StateDiff()
    for text, entry in pre.items():
        address, code = Address(octets(text)), octets(entry["code"])
        digest = keccak(code) if code else EMPTY_CODE_HASH
        diff.accounts[address] = Account(
            number(entry["nonce"]), Wei(number(entry["balance"])), digest, code_root(code), len(code)
        )
        if code:
            diff.code[digest] = code
        slots = {number(slot): number(value) for slot, value in entry["storage"].items()}
        diff.storage[address] = {slot: value for slot, value in slots.items() if value}
    return diff


def _context(env: dict[str, Any], fork: Fork) -> BlockContext:
    block_number = number(env["currentNumber"])
    hashes = {number(key): Hash(octets(value)) for key, value in env.get("blockHashes", {}).items()}
    if "previousHash" in env:
        hashes.setdefault(block_number - 1, Hash(octets(env["previousHash"])))

    def block_hash(asked: int) -> Hash:
        """Tests that name no hash have that of the number's decimal digits."""
        return hashes.get(asked) or keccak(str(asked).encode())

    return BlockContext(
        number=block_number,
        timestamp=Seconds(number(env["currentTimestamp"])),
        coinbase=Address(octets(env["currentCoinbase"])),
        prev_randao=Hash(number(env.get("currentRandom", env.get("currentDifficulty", "0x0"))).to_bytes(32, "big")),
        base_fee=Wei(number(env.get("currentBaseFee", DEFAULT_BASE_FEE))),
        gas_limit=Gas(number(env["currentGasLimit"])),
        block_hash=block_hash,
        blob_base_fee=Wei(blob_base_fee(fork, number(env.get("currentExcessBlobGas", "0x0")))),
    )
