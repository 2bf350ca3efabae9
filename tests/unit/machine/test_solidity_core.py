"""What the prover contracts are built on: structures, ranges, state trees, opcodes; against the state package's own."""

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tandem.machine.execution import MAX_MEMORY_WORDS, begin
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, Mode, Prover
from tandem.machine.opcodes import OPCODES
from tandem.machine.state_trees import PRESENT, access_key, transient_key
from tandem.machine.stepping import prove
from tandem.machine.tape import Tape
from tandem.machine.word_tree import WordTree
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Hash, Wei
from tandem.state import proof, tree, words
from tandem.state.account import EMPTY_ACCOUNT, Account
from tandem.state.database import address_key, slot_key
from tandem.state.tables import MemoryTable
from tests.support.revm import Reverted, Revm, call_data, decode_result
from tests.support.solidity import Compiled, compile_contracts
from tests.unit.machine.support import VERIFY, make_machine
from tests.unit.machine.walking import COMPUTE_STEP

PLENTY = 2**30
"""More gas than any call here can need."""
DEPTH = 17
REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"
ACCOUNT = "(uint256,uint256,bytes32,bytes32,uint256,bytes32)"
OUT_OF_TREE = "OutOfTree()"


class Harness:
    """A contract of the libraries' functions."""

    def __init__(self, contract: Compiled) -> None:
        self.abi = contract.abi
        self.revm = Revm()
        self.address = self.revm.deploy(contract)

    def call(self, signature: str, result: str, *values: Any) -> Any:
        return decode_result(result, self.revm.call(self.address, call_data(signature, *values), PLENTY))

    def refuses(self, error: str, signature: str, *values: Any) -> None:
        """The call reverts with this error."""
        with pytest.raises(Reverted) as caught:
            self.call(signature, "uint256", *values)
        assert keccak(error.encode())[:4].hex() in str(caught.value), f"not {error}: {caught.value}"

    def bears(self, right: Any, signature: str, result: str, *values: Any) -> None:
        """However the tape (the last value) is damaged, the call reverts or says something else."""
        *others, tape = values
        assert self.call(signature, result, *others, tape) == right
        damaged = [
            tape[:at] + bytes([tape[at] ^ bits]) + tape[at + 1 :] for at in range(len(tape)) for bits in (1, 128)
        ]
        damaged += [tape[:-1], tape[:-32], tape + b"\0", tape + bytes(32), tape[1:]]
        for other in damaged:
            try:
                assert self.call(signature, result, *others, other) != right
            except Reverted:
                pass


@pytest.fixture(scope="module")
def contracts() -> dict[str, Compiled]:
    return compile_contracts("test/MachineHarness.sol")


@pytest.fixture(scope="module")
def harness(contracts: dict[str, Compiled]) -> Harness:
    return Harness(contracts["MachineHarness"])


@pytest.fixture(scope="module")
def structures(contracts: dict[str, Compiled]) -> Harness:
    return Harness(contracts["StructuresHarness"])


# Structures


def table_fields(first_column: str) -> list[str]:
    """Fields of a structure, from its table in the reference."""
    text = (REFERENCE / "machine.md").read_text()
    table = text[text.index(f"| {first_column} |") :].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    return [name.strip() for row in rows for name in row.split(",")]


def aux_fields(mode: str) -> list[str]:
    """Fields of a mode's own structure, from the table of modes."""
    row = re.search(rf"^\| \d+ {mode} \| ([^|]*) \|", (REFERENCE / "machine.md").read_text(), re.MULTILINE)
    assert row
    listed = row[1].replace("lanes (7)", ", ".join(f"lanes{n}" for n in range(7)))
    listed = listed.replace("topic0..3", "topic0, topic1, topic2, topic3")
    return [re.sub(r" \(.*", "", name).strip() for name in listed.split(",")]


def header_fields() -> list[str]:
    """Fields of a header, from the protocol reference."""
    text = (REFERENCE / "protocol.md").read_text()
    return re.findall(r"^\| \d+ \| (\w+) \|", text[text.index("## 2.") : text.index("## 3.")], re.MULTILINE)


FIELDS = {
    "World": table_fields("world"),
    "Frame": table_fields("frame"),
    "Transaction": table_fields("tx"),
    "BlockState": table_fields("block"),
    "Cursor": table_fields("cursor"),
    "Header": header_fields(),
    "Check": aux_fields("CHECK"),
    "Scan": aux_fields("SCAN"),
    "Warm": aux_fields("WARM"),
    "CallMessage": aux_fields("CALL"),
    "CreateMessage": aux_fields("CREATE"),
    "CopyJob": aux_fields("COPY"),
    "HashJob": aux_fields("KECCAK"),
    "Precompile": aux_fields("PRECOMPILE"),
    "Exit": aux_fields("EXIT"),
    "End": aux_fields("END"),
}
OTHER_NAMES = {
    "address": "account",  # a word that Solidity keeps for itself
    "l1OriginNumber": "originNumber",
    "l1OriginHash": "originHash",
    "l1OriginTimestamp": "originTimestamp",
    "l1BaseFee": "originBaseFee",
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields_are_those_of_the_reference_in_its_order(structures: Harness, name: str) -> None:
    entry = next(entry for entry in structures.abi if entry.get("name") == f"read{name}")
    fields = [component["name"] for component in entry["outputs"][0]["components"]]
    assert fields == [OTHER_NAMES.get(field, field) for field in FIELDS[name]]


@pytest.mark.parametrize("name", ["Machine", *FIELDS, "Account"])
def test_a_structure_is_its_words(structures: Harness, name: str) -> None:
    entry = next(entry for entry in structures.abi if entry.get("name") == f"read{name}")
    count = len(entry["outputs"][0]["components"])
    tape = b"".join(word(0xABC + index) for index in range(count))
    signature = f"read{name}(bytes32,bytes)"
    assert structures.revm.call(structures.address, call_data(signature, keccak(tape), tape)) == tape

    wrong = "WrongPreState()" if name == "Machine" else "WrongOpening()"
    structures.refuses("TapeTooShort()", signature, keccak(tape), tape[:-1])
    structures.refuses("TapeTooLong()", signature, keccak(tape), tape + b"\0")
    for at in range(0, len(tape), 7):
        damaged = tape[:at] + bytes([tape[at] ^ 1]) + tape[at + 1 :]
        structures.refuses(wrong, signature, keccak(tape), damaged)


# Tape


def test_numbers_of_every_width(harness: Harness) -> None:
    rng = random.Random(1)
    widths = [rng.randrange(1, 33) for _ in range(60)] + [1, 31, 32]
    values = [rng.randrange(256**width) for width in widths]
    tape = b"".join(value.to_bytes(width, "big") for value, width in zip(values, widths, strict=True))
    signature = "numbers(bytes,uint256[])"
    assert list(harness.call(signature, "uint256[]", tape, widths)) == values
    harness.refuses("TapeTooShort()", signature, tape[:-1], widths)
    harness.refuses("TapeTooLong()", signature, tape + b"\0", widths)
    harness.refuses("TapeTooShort()", signature, b"", [1])
    harness.refuses("TapeTooLong()", signature, b"\1", [])


# Word ranges


def levels_of(leaves: Sequence[bytes], depth: int) -> list[list[bytes]]:
    """All nodes of a word tree, leaves first, those that are but zeros behind left out."""
    levels = [list(leaves) or [ZERO_HASH]]
    for height in range(depth):
        below = levels[-1]
        padded = below + [words.zero_root(height)] * (len(below) % 2)
        levels.append([keccak(padded[i] + padded[i + 1]) for i in range(0, len(padded), 2)])
    return levels


def range_tape(
    leaves: Sequence[bytes], depth: int, first: int, count: int, listed: frozenset[int] = frozenset()
) -> bytes:
    """A range, made by the words of the reference. `listed`: siblings given although they are zero subtrees' roots."""
    last = first + count - 1
    read = [leaves[i] if i < len(leaves) else ZERO_HASH for i in range(first, last + 1)]
    mask, number, siblings = 0, 0, []
    for height, level in enumerate(levels_of(leaves, depth)[:depth]):
        for index in ([first - 1] if first % 2 else []) + ([last + 1] if last % 2 == 0 else []):
            node = level[index] if index < len(level) else words.zero_root(height)
            if node != words.zero_root(height) or number in listed:
                mask |= 1 << number
                siblings.append(node)
            number += 1
        first, last = first // 2, last // 2
    return b"".join(read) + mask.to_bytes(8, "big") + b"".join(siblings)


def any_leaves(rng: random.Random, size: int) -> list[bytes]:
    """Words, some of them zero."""
    return [rng.randbytes(32) if rng.randrange(4) else ZERO_HASH for _ in range(size)]


READ_RANGE = "readRange(bytes32,uint256,uint256,uint256,bytes)"
EDIT_RANGE = "editRange(bytes32,uint256,uint256,bytes32[],bytes)"


@pytest.mark.parametrize("seed", range(6))
def test_any_range_is_read_and_written(harness: Harness, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        depth = rng.choice((0, 1, 2, 3, 5, 8, 11, DEPTH))
        size = rng.randrange(min(1 << depth, 90) + 1)
        leaves = any_leaves(rng, size)
        first = rng.randrange(min(1 << depth, size + 3))
        count = 1 + rng.randrange(min((1 << depth) - first, 40))
        root, tape = words.root(leaves, depth), range_tape(leaves, depth, first, count)
        if depth:  # Python has no use for a tree of one word
            recorded = Tape()
            recorded.range(WordTree(b"".join(leaves), depth), first, count)
            assert bytes(recorded.data) == tape

        there = [leaves[i] if i < size else ZERO_HASH for i in range(first, first + count)]
        assert list(harness.call(READ_RANGE, "bytes32[]", root, depth, first, count, tape)) == there
        if count == 1:
            assert harness.call("one(bytes32,uint256,uint256,bytes)", "bytes32", root, depth, first, tape) == there[0]

        changed = any_leaves(rng, count)
        whole = leaves + [ZERO_HASH] * max(0, first + count - size)
        whole[first : first + count] = changed
        assert harness.call(EDIT_RANGE, "bytes32", root, depth, first, changed, tape) == words.root(whole, depth)


@pytest.mark.parametrize(("size", "first", "count"), [(1, 0, 1), (40, 17, 1), (40, 5, 6), (3, 20, 2), (90, 0, 90)])
def test_a_damaged_range_is_refused(harness: Harness, size: int, first: int, count: int) -> None:
    rng = random.Random(size)
    leaves = any_leaves(rng, size)
    root, tape = words.root(leaves, DEPTH), range_tape(leaves, DEPTH, first, count)
    there = tuple(leaves[i] if i < size else ZERO_HASH for i in range(first, first + count))
    harness.bears(there, READ_RANGE, "bytes32[]", root, DEPTH, first, count, tape)
    for other in (first - 1, first + 1, first + 64):
        if other >= 0:
            with pytest.raises(Reverted):
                harness.call(READ_RANGE, "bytes32[]", root, DEPTH, other, count, tape)


def test_a_zero_subtree_may_not_be_listed(harness: Harness) -> None:
    rng = random.Random(3)
    for _ in range(40):
        leaves = any_leaves(rng, 1 + rng.randrange(20))
        first, count = rng.randrange(24), 1 + rng.randrange(9)
        root, tape = words.root(leaves, DEPTH), range_tape(leaves, DEPTH, first, count)
        for number in range(34):
            longer = range_tape(leaves, DEPTH, first, count, frozenset({number}))
            if longer != tape:
                harness.refuses("NotCanonical()", READ_RANGE, root, DEPTH, first, count, longer)


def test_a_mask_has_no_bits_without_siblings(harness: Harness) -> None:
    leaves = any_leaves(random.Random(4), 10)
    root, tape = words.root(leaves, DEPTH), range_tape(leaves, DEPTH, 2, 1)
    mask = int.from_bytes(tape[32:40], "big")
    for bit in range(DEPTH, 64):
        marked = tape[:32] + (mask | 1 << bit).to_bytes(8, "big") + tape[40:]
        for tail in (b"", bytes(32), keccak(b"tail")):
            with pytest.raises(Reverted):
                harness.call(READ_RANGE, "bytes32[]", root, DEPTH, 2, 1, marked + tail)
        harness.refuses("NotCanonical()", READ_RANGE, root, DEPTH, 2, 1, marked + keccak(b"tail"))


def test_a_range_lies_in_the_tree(harness: Harness) -> None:
    tape = range_tape([], 3, 0, 1)
    root = words.root([], 3)
    for first, count in ((8, 1), (7, 2), (0, 9), (0, 0), (2**256 - 1, 1), (0, 2**256 - 1), (1, 2**256 - 1)):
        harness.refuses(OUT_OF_TREE, READ_RANGE, root, 3, first, count, tape)


def test_bytes_of_a_tree(harness: Harness) -> None:
    rng = random.Random(5)
    data = rng.randbytes(700)
    held = WordTree(data)
    signature = "bytesAt(bytes32,uint256,uint256,bytes)"
    for _ in range(150):
        start, length = rng.randrange(690), rng.choice((0, 1, 31, 32, 33, 64, rng.randrange(900)))
        tape = Tape()
        tape.bytes(held, start, length)
        expected = data[start : start + length].ljust(length, b"\0")
        assert harness.call(signature, "bytes", held.root(), start, length, bytes(tape.data)) == expected
    tape = Tape()
    tape.bytes(held, 45, 70)
    harness.bears(data[45:115], signature, "bytes", held.root(), 45, 70, bytes(tape.data))
    assert harness.call(signature, "bytes", ZERO_HASH, 2**255, 0, b"") == b""
    for start, length in ((2**256 - 1, 2), (2**22, 1), (2**22 - 1, 2), (1, 2**256 - 1)):
        with pytest.raises(Reverted):
            harness.call(signature, "bytes", held.root(), start, length, bytes(tape.data))


def test_bytes_of_a_slice(harness: Harness) -> None:
    rng = random.Random(6)
    data = rng.randbytes(500)
    held = WordTree(data)
    signature = "sliceBytes(bytes32,uint256,uint256,uint256,uint256,bytes)"
    for _ in range(200):
        offset = rng.randrange(300)
        length = rng.randrange(200)
        start = rng.choice((rng.randrange(220), 2**256 - 1 - rng.randrange(40), max(0, length - 1), length))
        count = rng.choice((0, 1, 32, 32, rng.randrange(300)))
        view = data[offset : offset + length]
        expected = view[start : start + count]
        tape = Tape()
        tape.bytes(held, offset + start, len(expected))
        root = held.root() if length else ZERO_HASH
        values = (root, offset if length else 0, length, start, count, bytes(tape.data))
        assert harness.call(signature, "bytes", *values) == expected.ljust(count, b"\0")


def test_roots_of_new_trees(harness: Harness) -> None:
    rng = random.Random(7)
    signature = "treeRoot(bytes,uint256)"
    assert harness.call(signature, "bytes32", b"", 0) == ZERO_HASH
    for length in [1, 31, 32, 33, 63, 64, 65, 255, 256, 257, 1024, 24_577] + [rng.randrange(5_000) for _ in range(30)]:
        data = rng.randbytes(length)
        leaves = [data[i : i + 32].ljust(32, b"\0") for i in range(0, length, 32)]
        expected = words.root(leaves, DEPTH) if length else ZERO_HASH
        behind = rng.randbytes(rng.randrange(100))
        assert harness.call(signature, "bytes32", data + behind, length) == expected
    for data in (rng.randbytes(65_536), bytes(262_143) + b"\1", rng.randbytes(262_144)):
        leaves = [data[i : i + 32] for i in range(0, len(data), 32)]
        assert harness.call(signature, "bytes32", data, len(data)) == words.root(leaves, DEPTH)


def test_gas_of_ranges_and_trees(harness: Harness) -> None:
    """Without calldata. The limits are what was measured and a tenth: who changes the fold looks at them."""
    rng = random.Random(8)
    leaves = [rng.randbytes(32) for _ in range(5_000)]
    held = WordTree(b"".join(leaves))

    def gas(first: int, count: int) -> tuple[int, int]:
        tape = Tape()
        tape.range(held, first, count)
        signature = "rangeGas(bytes32,uint256,uint256,uint256,bytes)"
        reading, hashing = harness.call(
            signature, "uint256,uint256", held.root(), DEPTH, first, count, bytes(tape.data)
        )
        return reading, hashing

    def tree_gas(size: int) -> int:
        return int(harness.call("treeRootGas(bytes)", "uint256", rng.randbytes(size)))

    assert_near(gas(2_345, 1), (6_939, 5_552))
    assert_near(gas(2_345, 2), (7_418, 6_019))
    assert_near(gas(777, 2_049), (206_788, 171_438))
    assert_near((tree_gas(65_536), tree_gas(262_144)), (182_967, 837_603))


def assert_near(measured: tuple[int, ...], known: tuple[int, ...]) -> None:
    """Not dearer than known by more than a tenth, nor so much cheaper that less can have been done."""
    for found, expected in zip(measured, known, strict=True):
        assert expected // 2 < found < expected * 11 // 10, f"{measured} where {known} was measured"


# State trees

READ_ACCOUNT = "readAccount(bytes32,address,bytes)"
WRITE_ACCOUNT = f"writeAccount(bytes32,address,{ACCOUNT},bytes)"
READ_SLOT = "readSlot(bytes32,bytes32,bytes)"
WRITE_SLOT = "writeSlot(bytes32,bytes32,bytes32,bytes)"


def tape_of(nodes: MemoryTable, root: Hash, key: bytes, record: bytes = b"", *, deletes: bool = False) -> bytes:
    """The proof of a key, its record if it is an account's, and the node that a deletion needs."""
    made = proof.prove(nodes, root, key)
    tape = Tape()
    tape.proof(made)
    tape.raw(record)
    sibling = proof.sibling_preimage(nodes, made)
    if deletes and made.value(key) != ZERO_HASH and sibling is not None:
        tape.node(sibling)
    return bytes(tape.data)


def abi_of(account: Account) -> tuple[int, int, bytes, bytes, int, bytes]:
    """An account as the contract takes it."""
    hashes = account.code_hash, account.code_root
    return account.nonce, account.balance, *hashes, account.code_size, account.storage_root


def near_keys(rng: random.Random, count: int) -> list[bytes]:
    """Keys, some of which share many bits with another."""
    keys = [rng.randbytes(32) for _ in range(count)]
    return keys + [
        key[: (at := rng.randrange(32))] + bytes([key[at] ^ 1 << rng.randrange(8)]) + key[at + 1 :] for key in keys
    ]


@pytest.mark.parametrize("seed", range(6))
def test_any_slot_is_read_written_and_deleted(harness: Harness, seed: int) -> None:
    rng = random.Random(seed)
    nodes, root = MemoryTable(), ZERO_HASH
    keys = near_keys(rng, rng.choice((1, 2, 6, 30)))
    held: dict[bytes, bytes] = {}
    for _ in range(80):
        key, value = rng.choice(keys), rng.choice((ZERO_HASH, rng.randbytes(32), word(1)))
        tape = tape_of(nodes, root, key)
        assert harness.call(READ_SLOT, "bytes32", root, key, tape) == held.get(key, ZERO_HASH)
        after = tree.update(nodes, root, {key: value if value != ZERO_HASH else None})
        tape = tape_of(nodes, root, key, deletes=value == ZERO_HASH)
        assert harness.call(WRITE_SLOT, "bytes32", root, key, value, tape) == after
        root = after
        if value == ZERO_HASH:
            held.pop(key, None)
        else:
            held[key] = value


def test_a_damaged_proof_is_refused(harness: Harness) -> None:
    rng = random.Random(9)
    nodes = MemoryTable()
    keys = near_keys(rng, 6)
    root = tree.update(nodes, ZERO_HASH, {key: rng.randbytes(32) for key in keys})
    alone = tree.update(nodes, ZERO_HASH, {keys[0]: word(7)})
    cases = [
        (root, keys[0]),
        (root, keys[7]),
        (root, rng.randbytes(32)),
        (alone, keys[0]),
        (alone, keys[1]),
        (ZERO_HASH, keys[0]),
    ]
    for under, key in cases:
        value = Hash(tree.get(nodes, under, key) or ZERO_HASH)
        harness.bears(value, READ_SLOT, "bytes32", under, key, tape_of(nodes, under, key))
        tape = tape_of(nodes, under, key, deletes=True)
        after = tree.update(nodes, under, {key: None})
        harness.bears(after, WRITE_SLOT, "bytes32", under, key, ZERO_HASH, tape)


def test_a_proof_has_one_form(harness: Harness) -> None:
    nodes = MemoryTable()
    root = tree.update(nodes, ZERO_HASH, {b"\0" * 31 + b"\1": word(5)})
    missing = tape_of(nodes, ZERO_HASH, word(9))
    assert harness.call(READ_SLOT, "bytes32", ZERO_HASH, word(9), missing) == ZERO_HASH
    harness.refuses("NotCanonical()", READ_SLOT, ZERO_HASH, word(9), missing[:64] + word(9) + missing[96:])
    harness.refuses(
        "NotCanonical()", READ_SLOT, ZERO_HASH, word(9), missing[:32] + word(0xA0) + missing[64:] + bytes(32)
    )
    harness.refuses("WrongOpening()", READ_SLOT, root, word(9), missing)
    for count in (1, 256, 257, 2**251, 2**256 - 1):
        with pytest.raises(Reverted):
            harness.call(READ_SLOT, "bytes32", ZERO_HASH, word(9), missing[:128] + word(count) + missing[160:])


def test_accounts_are_read_written_and_deleted(harness: Harness) -> None:
    rng = random.Random(10)
    nodes, root = MemoryTable(), ZERO_HASH
    held: dict[Address, Account] = {}
    addresses = [Address(rng.randbytes(20)) for _ in range(7)]
    empty = [EMPTY_ACCOUNT, Account(storage_root=keccak(b"left")), Account(code_size=3)]

    def any_account() -> Account:
        code_hash = rng.choice((EMPTY_CODE_HASH, keccak(b"code")))
        made = Account(rng.randrange(2), Wei(rng.randrange(2)), code_hash, keccak(b"root"), 9, keccak(b"storage"))
        return rng.choice((made, made, rng.choice(empty)))

    for turn in range(120):
        address, account = rng.choice(addresses), any_account()
        before = held.get(address)
        record = before.encode() if before else b""
        key, tape = address_key(address), tape_of(nodes, root, address_key(address), record)
        read = harness.call(READ_ACCOUNT, ACCOUNT, root, address, tape)
        assert read == abi_of(before or EMPTY_ACCOUNT)
        if turn % 20 == 0:
            harness.bears(read, READ_ACCOUNT, ACCOUNT, root, address, tape)

        after = tree.update(nodes, root, {key: None if account.is_empty else keccak(account.encode())})
        tape = tape_of(nodes, root, key, record, deletes=account.is_empty)
        assert harness.call(WRITE_ACCOUNT, "bytes32", root, address, abi_of(account), tape) == after
        root = after
        if account.is_empty:
            held.pop(address, None)
        else:
            held[address] = account


def test_the_access_set(harness: Harness) -> None:
    rng = random.Random(11)
    nodes, root = MemoryTable(), ZERO_HASH
    addresses = [Address(rng.randbytes(20)) for _ in range(4)]
    seen = set()
    for _ in range(80):
        tag, address, slot = rng.choice(list(AccessTag)), rng.choice(addresses), rng.choice((0, 1, 2**256 - 1))
        key = access_key(tag, address, slot)
        tape = tape_of(nodes, root, key)
        after = tree.update(nodes, root, {key: PRESENT})
        expected = (key not in seen, after)
        signature = "warm(bytes32,uint256,address,uint256,bytes)"
        assert harness.call(signature, "bool,bytes32", root, tag, address, slot, tape) == expected
        if (tag, slot) == (AccessTag.ADDRESS, 0):
            assert harness.call("touchAddress(bytes32,address,bytes)", "bool,bytes32", root, address, tape) == expected
        root = after
        seen.add(key)


def test_precompiles_are_warm_and_read_nothing(harness: Harness) -> None:
    signature = "touchAddress(bytes32,address,bytes)"
    for number in range(1, 11):
        address = number.to_bytes(20, "big")
        assert harness.call(signature, "bool,bytes32", keccak(b"any"), address, b"") == (False, keccak(b"any"))
    tape = tape_of(MemoryTable(), ZERO_HASH, b"")
    for number in (0, 11, 2**159 + 1):
        address = number.to_bytes(20, "big")
        harness.refuses("TapeTooShort()", signature, ZERO_HASH, address, b"")
        assert harness.call(signature, "bool,bytes32", ZERO_HASH, address, tape)[0]


def test_keys(harness: Harness) -> None:
    rng = random.Random(12)
    for tag in AccessTag:
        address, slot = Address(rng.randbytes(20)), rng.getrandbits(256)
        made = harness.call("keys(uint256,address,uint256)", "bytes32[4]", tag, address, slot)
        expected = address_key(address), slot_key(slot), access_key(tag, address, slot), transient_key(address, slot)
        assert made == expected


def test_gas_of_state_trees(harness: Harness) -> None:
    rng = random.Random(13)
    nodes = MemoryTable()
    entries = {rng.randbytes(32): rng.randbytes(32) for _ in range(20_000)}
    root = tree.update(nodes, ZERO_HASH, entries)
    key = next(iter(entries))
    signature = "slotGas(bytes32,bytes32,bytes32,bytes)"
    measured = harness.call(signature, "uint256,uint256", root, key, word(1), tape_of(nodes, root, key))
    assert proof.prove(nodes, root, key).depth == 16
    assert_near(measured, (10_772, 5_470))


# Instructions


@pytest.mark.parametrize("number", range(256))
def test_opcodes(harness: Harness, number: int) -> None:
    opcode = OPCODES[number]
    expected = (True, opcode.gas, opcode.pops, opcode.pushes) if opcode else (False, 0, 0, 0)
    assert harness.call("info(uint256)", "bool,uint256,uint256,uint256", number) == expected


def test_memory_is_paid_by_the_word(harness: Harness) -> None:
    rng = random.Random(14)
    sizes = (0, 1, 31, 32, 33, 1_000, 2**22 - 32, 2**22, 2**22 + 1, 2**63, 2**64, 2**255, 2**256 - 1)
    signature, result = "expand(uint256,uint256,uint256,uint256)", "bool,uint256,uint256"

    def cost(count: int) -> int:
        return 3 * count + count * count // 512

    for _ in range(400):
        before, offset, size = rng.choice((0, 1, 40, MAX_MEMORY_WORDS)), rng.choice(sizes), rng.choice(sizes)
        reached = max(before, (offset + size + 31) // 32) if size else before
        price = cost(reached) - cost(before)
        there = reached <= MAX_MEMORY_WORDS
        for gas in {2**256 - 1, price if there else 2**64, max(0, price - 1) if there else 0}:
            done = there and price <= gas
            expected = (done, reached, gas - price) if done else (False, before, gas)
            assert harness.call(signature, result, before, gas, offset, size) == expected


def test_gas_is_taken_or_not(harness: Harness) -> None:
    signature = "charge(uint256,uint256)"
    for gas, amount in ((0, 0), (5, 5), (5, 4), (2**256 - 1, 2**256 - 1)):
        assert harness.call(signature, "bool,uint256", gas, amount) == (True, gas - amount)
    for gas, amount in ((0, 1), (5, 6), (5, 2**256 - 1)):
        assert harness.call(signature, "bool,uint256", gas, amount) == (False, gas)


def put_back(m: Machine) -> None:
    """An instruction that puts back all words that it takes."""
    frame, taken = begin(m)
    for value in reversed(taken):
        frame.push(value)


def drop(m: Machine) -> None:
    """An instruction that does nothing with the words that it takes."""
    begin(m)


@pytest.mark.parametrize("code", ["5b", "", "80", "8f", "9f", "1b", "0c", "fe", "01"])
@pytest.mark.parametrize("height", [0, 1, 2, 15, 16, 17, 1023, 1024])
@pytest.mark.parametrize("gas", [0, 2, 3, 10_000])
def test_what_begins_and_what_halts(harness: Harness, code: str, height: int, gas: int) -> None:
    """Against the Python twin, whose instruction puts all words back that it takes."""
    opcode = int(code or "00", 16)
    m = make_machine(bytes.fromhex(code), range(5, 5 + height), gas=gas, memory=b"m" * 70, returned=b"returned")
    known = OPCODES[opcode]
    runs = (
        known is not None and height >= known.pops and height - known.pops + known.pushes <= 1024 and gas >= known.gas
    )
    proven = prove(m, Prover.COMPUTE, put_back)
    assert m.mode == (Mode.EXEC if runs else Mode.EXIT)
    assert harness.call("putBack(bytes32,bytes)", "bytes32", proven.before, proven.witness[1:]) == proven.after


@pytest.mark.parametrize(("code", "stack"), [("93", [9, 8, 7, 6, 5]), ("01", [3, 4]), ("01", [3]), ("fe", [1])])
def test_a_damaged_step_is_refused(harness: Harness, code: str, stack: list[int]) -> None:
    """Words that are dropped are checked as well as those that are used."""
    for signature, function in (("putBack(bytes32,bytes)", put_back), ("drop(bytes32,bytes)", drop)):
        proven = prove(make_machine(bytes.fromhex(code), stack), Prover.COMPUTE, function)
        harness.bears(proven.after, signature, "bytes32", proven.before, proven.witness[1:])


def test_a_late_halt_leaves_the_world_as_it_was(harness: Harness) -> None:
    halting = prove(make_machine(b"\x56", [10**9]), Prover.COMPUTE, COMPUTE_STEP)
    assert halting.outcome == "bad jump"
    assert harness.call("haltLate(bytes32,bytes)", "bytes32", halting.before, halting.witness[1:]) == halting.after


def test_another_mode_is_refused(harness: Harness) -> None:
    for mode in Mode:
        m = make_machine(b"\x5b", mode=mode)
        tape = m.words() + m.read_frame().encode()
        if mode != Mode.EXEC:
            harness.refuses("WrongMode()", "putBack(bytes32,bytes)", m.hash(), tape)


# The dispatcher


def test_the_dispatcher_asks_the_prover_that_the_witness_names(contracts: dict[str, Compiled]) -> None:
    """Thirteen harnesses as provers: none has `verify`, so that each call shows where it arrives."""
    revm = Revm()
    machine = compile_contracts("machine/Machine.sol")["Machine"]
    provers = [revm.deploy(contracts["MachineHarness"]) for _ in Prover]
    address = revm.deploy(machine, ("address[13]",), (provers,))
    for number in range(13):
        found = decode_result("address", revm.call(address, call_data("prover(uint256)", number)))
        assert found.lower() == provers[number].lower()
    for witness, error in ((b"", "TapeTooShort()"), (b"\x0d", "WrongProver()"), (b"\xff" * 40, "WrongProver()")):
        with pytest.raises(Reverted) as caught:
            revm.call(address, call_data(VERIFY, ZERO_HASH, witness))
        assert keccak(error.encode())[:4].hex() in str(caught.value)


def test_the_dispatcher_passes_witness_hash_and_error_on() -> None:
    revm = Revm()
    compute = compile_contracts("machine/Compute.sol")["Compute"]
    machine = compile_contracts("machine/Machine.sol")["Machine"]
    provers = [revm.deploy(compute)] * 13
    address = revm.deploy(machine, ("address[13]",), (provers,))
    proven = prove(make_machine(b"\x01", [7, 8]), Prover.COMPUTE, COMPUTE_STEP)
    assert revm.call(address, call_data(VERIFY, proven.before, proven.witness)) == proven.after
    with pytest.raises(Reverted) as caught:
        revm.call(address, call_data(VERIFY, proven.after, proven.witness))
    assert keccak(b"WrongPreState()")[:4].hex() in str(caught.value)


def test_a_dispatcher_without_all_provers_is_not_deployed(contracts: dict[str, Compiled]) -> None:
    revm = Revm()
    machine = compile_contracts("machine/Machine.sol")["Machine"]
    provers = [revm.deploy(contracts["MachineHarness"])] * 12 + ["0x" + "77" * 20]
    with pytest.raises(RuntimeError):
        revm.deploy(machine, ("address[13]",), (provers,))
