"""Constants of contracts/machine and tandem/machine: each of the contracts' has a twin here, or is nobody else's."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path
from types import ModuleType

import pytest

from tandem.batch import packed, payload
from tandem.chain import fees, recent
from tandem.evm import rules, validation
from tandem.inbox.queues import BatchEntry, DataLocation, Message
from tandem.machine import (
    batches,
    block_head,
    blocks,
    calls,
    compute,
    execution,
    frames,
    memory_ops,
    messages,
    modes,
    precompiles,
    sponge,
    state_trees,
    storage,
    structures,
    tape,
    transaction_end,
    word_tree,
)
from tandem.machine.code import Code
from tandem.machine.modes import Prover
from tandem.machine.opcodes import OPCODES
from tandem.primitives import secp256k1
from tandem.primitives.types import ZERO_ADDRESS, ZERO_HASH, Gas, Wei
from tandem.state import code
from tandem.state.proof import Preimage
from tandem.transactions import transaction
from tests.support.revm import Reverted, Revm, call_data, decode_result
from tests.support.solidity import compile_contracts
from tests.unit.machine.support import BLOCK, CURSOR, make_frame

CONTRACTS = Path(__file__).parents[2] / "contracts" / "machine"
CONSTANT = re.compile(
    r"^ +(?:bytes1|bytes32|uint256) (?:internal|private|public) constant (\w+) = ([^;]+);", re.MULTILINE
)
SCOPE = re.compile(r"^(?:library|contract) (\w+)", re.MULTILINE)
KECCAK = re.compile(r"keccak256\(\"\"\)")
CAPS = rules.PrecompileCaps()
MOVING_WORDS = 9
"""Words of a frame that a halt clears: from pc on."""


def same(module: ModuleType, names: str) -> dict[str, object]:
    """Constants of the same name."""
    return {name: getattr(module, name) for name in names.split()}


TWINS: dict[str, dict[str, object]] = {
    "Machine": {"PROVERS": len(Prover)},
    "Batches": {
        **same(payload, "VERSION PLAIN MAX_DECODED_BYTES MAX_ITEMS BLOCK_ITEMS"),
        **same(batches, "LENGTH_BYTES"),
        **same(block_head, "SHORT"),
        "COMPRESSED": payload.LZ4,
        "CONTAINER_BYTES": len(payload.encode_batch([])) - len(b"\xc0"),
    },
    "Blocks": {
        **same(blocks, "BLOB_BASE_FEE"),
        **same(rules, "TRANSACTION_GAS_CAP"),
        **same(recent, "RECENT_DEPTH"),
    },
    "Calls": same(
        calls,
        "DEPTH_LIMIT COLD_ACCOUNT WARM_ACCOUNT CALL_VALUE_GAS CALL_STIPEND NEW_ACCOUNT_GAS INIT_WORD_GAS HASH_WORD_GAS "
        "MAX_INIT_CODE MAX_NONCE CREATE CALL CALLCODE DELEGATECALL CREATE2 STATICCALL SELFDESTRUCT",
    ),
    "Compute": same(compute, "EXP_BYTE"),
    "Environment": {
        **same(calls, "COLD_ACCOUNT WARM_ACCOUNT"),
        **same(recent, "RECENT_BLOCKS RECENT_DEPTH"),
        **same(structures, "CODE_LAYOUT"),
        **same(memory_ops, "COPY_WORD"),
    },
    "Frames": {
        **same(frames, "MAX_CODE_SIZE RESERVED"),
        "DEPOSIT_GAS": frames.CODE_DEPOSIT_GAS,
        **same(structures, "WORDS_LAYOUT"),
        "EMPTY_MEMORY": int.from_bytes(word_tree.WordTree().root(), "big"),
    },
    "MemoryOps": {
        **same(memory_ops, "COPY_WORD HASH_WORD LOG_BYTE COPY_BYTES MAX_HASH_BYTES"),
        **same(structures, "WORDS_LAYOUT CODE_LAYOUT"),
    },
    "Messages": same(messages, "LENGTH_BYTES"),
    "Precompiles": same(precompiles, "CULPRIT_BYTES"),
    "Storage": same(storage, "COLD_SLOT WARM_SLOT SET_GAS RESET_GAS SENTRY CLEARS"),
    "TransactionBegin": {
        **same(block_head, "HEADER_BYTES"),
        **same(calls, "MAX_INIT_CODE MAX_NONCE"),
    },
    "TransactionEnd": {
        **same(transaction_end, "MAX_REFUND_QUOTIENT HEAD_BYTES"),
        **same(transaction, "DEPOSIT"),
        "ADDRESS_ITEM": 1 + transaction_end.ADDRESS_BYTES,
        "SLOT_ITEM": 1 + transaction_end.SLOT_BYTES,
    },
    "BaseFee": {"MAX": fees.MAX_BASE_FEE},
    "BlockHead": {**same(block_head, "HEADER_BYTES MAX_INTEGER_BYTES"), "BYTES": block_head.HEAD_BYTES},
    "CodeChunks": same(code, "CHUNK_BYTES DEPTH"),
    "DepositHash": {"KIND": transaction.DEPOSIT},
    "Execution": {
        **same(execution, "MAX_MEMORY_WORDS"),
        **same(structures, "STACK_LIMIT"),
        **same(code, "CHUNK_BYTES"),
        "CODE_DEPTH": Code(b"\0").tree.depth,
        "STATIC_WORDS": len(make_frame(b"").encode()) // 32 - MOVING_WORDS,
        "MOVING_WORDS": MOVING_WORDS,
    },
    "IntrinsicGas": {
        "TRANSACTION": validation.TRANSACTION_GAS,
        "CREATION": validation.CREATION_GAS,
        "ZERO_BYTE": validation.ZERO_BYTE_GAS,
        "BYTE": validation.BYTE_GAS,
        "ACCESS_ADDRESS": validation.ACCESS_ADDRESS_GAS,
        "ACCESS_SLOT": validation.ACCESS_SLOT_GAS,
        "INIT_WORD": validation.INIT_WORD_GAS,
    },
    "KeccakF": same(sponge, "LANES PACKED_WORDS RATE"),
    "PackedTransaction": {
        **same(packed, "PARITY HAS_TO HAS_DATA HAS_ACCESS_LIST UNPROTECTED RESERVED TYPE_MASK"),
        **same(secp256k1, "ORDER"),
        "MAX_BYTES": packed.MAX_PACKED_BYTES,
    },
    "Precompiled": {
        **same(
            precompiles,
            "ECRECOVER SHA256 RIPEMD160 IDENTITY MODEXP ECADD ECMUL PAIRING BLAKE2F POINT_EVALUATION PAIR MODEXP_HEAD "
            "EXPONENT_HEAD",
        ),
        "HASH_CAP": CAPS.sha256,
        "PAIRING_CAP": CAPS.pairing,
        "MODEXP_OPERAND_CAP": CAPS.modexp_operand,
        "MODEXP_GAS_CAP": CAPS.modexp_gas,
        "ROUNDS_CAP": CAPS.blake2_rounds,
    },
    "Rlp": same(block_head, "STRING LIST SHORT"),
    "StateTrees": {
        "PRESENT": int.from_bytes(state_trees.PRESENT, "big"),
        "LAST_PRECOMPILE": state_trees.PRECOMPILES[-1],
    },
    "Tape": same(tape, "PROOF_HEAD"),
    "WordRange": {**same(tape, "MASK_BYTES"), "DEPTH": word_tree.MEMORY_DEPTH},
}
"""By contract or library, by name: Python's value."""
OWN = {
    "CodeChunks": "ONES HIGH_BITS LOW_FIVE",
    "DepositHash": "ROOM",
    "Execution": "HUGE",
    "InboxEntries": "BATCH_WORDS MESSAGE_WORDS",
    "KeccakF": "LANE TWICE",
    "Machine": "STATE_LENGTH",
    "Opcodes": "ROW_0 ROW_1 ROW_2 ROW_3 ROW_4 ROW_5 ROW_F GAS LOG_GAS VERY_LOW",
    "PackedTransaction": "OVERHEAD RECOVER_GAS",
    "Precompiled": "ATTEMPT_GAS SPARE_GAS",
    "Tape": "NODE_BYTES",
}
"""What Python has no such thing of: masks, room in memory, gas on L1, sizes that lists have by themselves."""
ENUMS: dict[str, type[IntEnum]] = {
    "Mode": modes.Mode,
    "AccessTag": modes.AccessTag,
    "Flags": modes.Flag,
    "ExitStatus": modes.ExitStatus,
}
PROVERS_OF_INSTRUCTIONS = ("Compute", "MemoryOps", "Environment", "Storage", "Calls")
NUMBERS = {opcode.name: opcode.number for opcode in OPCODES if opcode is not None}


def constants() -> dict[str, dict[str, int]]:
    """All that the contracts write down, by contract or library."""
    result: dict[str, dict[str, int]] = {}
    for path in sorted(CONTRACTS.rglob("*.sol")):
        source = path.read_text()
        starts = [(match.start(), match[1]) for match in SCOPE.finditer(source)]
        for match in CONSTANT.finditer(source):
            if KECCAK.search(match[2]):
                continue
            scope = [name for start, name in starts if start < match.start()][-1]
            values = result.setdefault(scope, {})
            values[match[1]] = evaluate(match[2], values)
    return result


def evaluate(expression: str, known: dict[str, int]) -> int:
    """The value of a constant's expression, which may name others of its contract."""
    plain = expression.replace("type(uint64).max", str(2**64 - 1)).replace("bytes32(uint256(1))", "1")
    plain = re.sub(r"[A-Z][A-Z_0-9]*\b", lambda name: str(known.get(name[0], LATER.get(name[0], name[0]))), plain)
    assert re.fullmatch(r"[0-9a-fA-Fx_ ()*+<-]+", plain), f"cannot read {expression}"
    return int(eval(plain))


LATER = {"MAX_INTEGER_BYTES": block_head.MAX_INTEGER_BYTES}
"""Named in its file before it is written."""
WRITTEN = constants()


def test_the_sources_are_read() -> None:
    text = "".join(path.read_text() for path in CONTRACTS.rglob("*.sol"))
    declared = len(re.findall(r" constant \w+ =", text)) - len(KECCAK.findall(text))
    assert declared == sum(len(values) for values in WRITTEN.values()) > 150


@pytest.mark.parametrize("scope", WRITTEN)
def test_constants_are_twins(scope: str) -> None:
    expected = dict(TWINS.get(scope, {}))
    if scope in ENUMS:
        expected = {member.name: member.value for member in ENUMS[scope]}
    if scope in PROVERS_OF_INSTRUCTIONS:
        expected |= {name: number for name, number in NUMBERS.items() if name in WRITTEN[scope]}
    own = OWN.get(scope, "").split()
    assert {name: value for name, value in WRITTEN[scope].items() if name not in own} == expected
    assert set(own) <= WRITTEN[scope].keys()


def test_no_twin_is_left_over() -> None:
    assert TWINS.keys() | ENUMS.keys() | OWN.keys() | set(PROVERS_OF_INSTRUCTIONS) == WRITTEN.keys()


def test_sizes_that_lists_have_by_themselves() -> None:
    written = WRITTEN["InboxEntries"]
    entry = BatchEntry(DataLocation.NONE, ZERO_HASH, 0, BLOCK.origin)
    message = Message(ZERO_ADDRESS, None, Wei(0), Wei(0), Gas(0), b"", BLOCK.origin)
    assert (len(entry.encode()), len(message.head())) == (32 * written["BATCH_WORDS"], 32 * written["MESSAGE_WORDS"])
    node = tape.Tape()
    node.node(Preimage(0, ZERO_HASH, ZERO_HASH))
    assert len(node.data) == WRITTEN["Tape"]["NODE_BYTES"]


def test_provers_have_their_numbers() -> None:
    """The dispatcher's table, and the names in it."""
    revm = Revm()
    some = compile_contracts("machine/Compute.sol")["Compute"]
    addresses = [revm.deploy(some) for _ in Prover]
    machine = revm.deploy(compile_contracts("machine/Machine.sol")["Machine"], ("address[13]",), (addresses,))
    for prover in Prover:
        assert decode_result("address", revm.call(machine, call_data("prover(uint256)", prover))) == addresses[prover]
    for number in (len(Prover), 255, 256, 2**256 - 1):
        with pytest.raises(Reverted):
            revm.call(machine, call_data("prover(uint256)", number))
    source = (CONTRACTS / "Machine.sol").read_text()
    assert re.findall(r"if \(number == (\d+)\) return (\w+);", source) == [
        (str(int(prover)), prover.name) for prover in Prover
    ]
    assert re.findall(r"(\w+) = provers\[(\d+)\];", source) == [(prover.name, str(int(prover))) for prover in Prover]


def test_structures_are_as_long() -> None:
    """Bytes that Structures.sol hashes, by what Python encodes; test_solidity_core.py compares the fields."""
    source = (CONTRACTS / "lib" / "Structures.sol").read_text()
    hashed = dict(re.findall(r"function hash(\w+)\(.*?keccak256\(x, (0x[0-9a-f]+)\)", source, re.DOTALL))
    frame, block, cursor = make_frame(b"").encode(), BLOCK.encode(), CURSOR.encode()
    for name, encoded in (("Frame", frame), ("BlockState", block), ("Cursor", cursor)):
        assert int(hashed[name], 16) == len(encoded), name
