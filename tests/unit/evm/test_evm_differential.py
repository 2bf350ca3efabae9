"""Random programs on our instruction loop and on py-evm's own Cancun machine: same output, gas, storage and logs."""

from dataclasses import replace

from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDB
from eth.exceptions import Revert
from eth.vm.execution_context import ExecutionContext
from eth.vm.message import Message as PyEvmMessage
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tandem.evm.rules import CANCUN, ethereum
from tandem.evm.tracing import Tracer
from tandem.primitives.types import Gas, Wei
from tests.conformance.cases import SilentTracer
from tests.support.py_evm import OracleState
from tests.unit.evm.one_block import ALICE, BOB, CONTEXT, CONTRACT, RULES, OneBlock, push, transaction

GAS = 200_000
INTRINSIC = 21_000
WORDS = st.sampled_from((0, 1, 2, 31, 32, 33, 255, 256, 257, 2**255, 2**256 - 1, 2**128)) | st.integers(0, 2**256 - 1)
SMALL = st.integers(0, 130)
PLAIN = [*range(0x01, 0x0C), *range(0x10, 0x1E), *range(0x30, 0x40), 0x41, 0x42, 0x43, 0x45, 0x46, 0x47, 0x48]
PLAIN += [0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F, 0x20, 0xFE, 0x0C]
PLAIN += [*range(0x80, 0xA5), 0xF0, 0xF5]
Result = tuple[int, bytes, int, list[tuple[object, ...]], dict[int, int]]
"""Status, output, gas after refunds, logs, slots changed."""
ADDRESSES = st.sampled_from((ALICE, BOB, CONTRACT, bytes(19) + b"\x02", bytes(19) + b"\x04", bytes(19) + b"\x01"))


@st.composite
def pieces(draw: st.DrawFn) -> bytes:
    """An operation with operands that reach its edges, mostly small enough to be worth their gas."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        opcode = draw(st.sampled_from((0xF1, 0xF2, 0xF4, 0xFA)))
        code = b"".join(push(draw(SMALL)) for _ in range(4))
        if opcode in (0xF1, 0xF2):
            code += push(draw(st.integers(0, 3)))
        return code + push(draw(ADDRESSES)) + push(draw(st.integers(0, 60_000))) + bytes([opcode])
    if kind == 1:
        return push(draw(SMALL)) + push(draw(SMALL)) + bytes([draw(st.sampled_from((0xF3, 0xFD, 0x20, 0xA0, 0x56)))])
    if kind == 2:
        return b"".join(push(draw(WORDS)) for _ in range(draw(st.integers(1, 3))))
    operands = b"".join(push(draw(st.one_of(SMALL, SMALL, WORDS))) for _ in range(draw(st.integers(0, 4))))
    return operands + bytes([draw(st.sampled_from(PLAIN))])


@settings(max_examples=400, deadline=None)
@example(code=bytes.fromhex("61c00160006065f0"), data=b"")  # CREATE: too large, and more value than there is
@given(code=st.lists(pieces(), min_size=1, max_size=14).map(b"".join), data=st.binary(max_size=70))
def test_random_programs_agree_with_py_evm(code: bytes, data: bytes) -> None:
    ours = _ours(code, data)
    assert ours == _ours(code, data, SilentTracer())
    assert ours == _py_evm(code, data, {*range(131), *_words(code), *ours[-1]})


def _ours(code: bytes, data: bytes, tracer: Tracer | None = None) -> Result:
    rules = ethereum(CANCUN, RULES.chain_id)
    block = OneBlock(rules, replace(CONTEXT, base_fee=Wei(0)))
    block.change(ALICE, balance=Wei(10**20), nonce=5)
    block.deploy(code, balance=100)
    block.state.slots[CONTRACT] = {1: 7}
    tx = transaction(CONTRACT, nonce=5, gas=GAS + INTRINSIC, data=data, max_fee=1)
    tx = replace(tx, max_fee=Wei(0), max_priority_fee=Wei(0), gas_limit=Gas(GAS + INTRINSIC + _data_gas(data)))
    receipt = block.executor.apply(tx, tracer)
    slots = block.executor.finish().storage.get(CONTRACT, {})
    refunded = receipt.gas_used - INTRINSIC - _data_gas(data)
    logs: list[tuple[object, ...]] = [(log.address, log.topics, log.data) for log in receipt.logs]
    changed = {slot: value for slot, value in slots.items() if value != {1: 7}.get(slot, 0)}
    return receipt.status, receipt.output, refunded, logs, changed


def _py_evm(code: bytes, data: bytes, slots: set[int]) -> Result:
    context = ExecutionContext(
        coinbase=CONTEXT.coinbase,
        timestamp=CONTEXT.timestamp,
        block_number=CONTEXT.number,
        difficulty=0,
        mix_hash=CONTEXT.prev_randao,
        gas_limit=CONTEXT.gas_limit,
        prev_hashes=(),
        chain_id=RULES.chain_id,
        base_fee_per_gas=0,
        excess_blob_gas=0,
    )
    state = OracleState(
        AtomicDB(),
        context,
        BLANK_ROOT_HASH,
    )
    state.set_balance(ALICE, 10**20)
    state.set_nonce(ALICE, 6)
    state.set_balance(CONTRACT, 100)
    state.set_nonce(CONTRACT, 1)
    state.set_code(CONTRACT, code)
    state.set_storage(CONTRACT, 1, 7)
    state.persist()
    state.lock_changes()
    for address in (ALICE, CONTRACT):
        state.mark_address_warm(address)
    message = PyEvmMessage(gas=GAS, to=CONTRACT, sender=ALICE, value=0, data=data, code=code)
    transaction_context = state.get_transaction_context_class()(gas_price=0, origin=ALICE)
    computation = state.computation_class.apply_message(state, message, transaction_context)
    used = GAS - computation.get_gas_remaining()
    refund = min((used + INTRINSIC + _data_gas(data)) // 5, computation.get_gas_refund())
    logs: list[tuple[object, ...]] = [
        (address, tuple(topic.to_bytes(32, "big") for topic in topics), body)
        for address, topics, body in computation.get_log_entries()
    ]
    reverted = computation.is_error and isinstance(computation.error, Revert)
    output = computation.output if computation.is_success or reverted else b""
    changed = {
        slot: state.get_storage(CONTRACT, slot)
        for slot in slots
        if state.get_storage(CONTRACT, slot) != {1: 7}.get(slot, 0)
    }
    return int(computation.is_success), output, used - refund, logs, changed


def _words(code: bytes) -> set[int]:
    """Every word pushed by the code: slots it may have written."""
    return {int.from_bytes(code[at : at + size], "big") for size in (1, 16, 17, 20, 32) for at in range(len(code))}


def _data_gas(data: bytes) -> int:
    return sum(16 if byte else 4 for byte in data)
