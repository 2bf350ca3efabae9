"""CALL and its kin, CREATE, CREATE2 and SELFDESTRUCT."""

from eth.exceptions import WriteProtection

from tandem.evm.delegation import is_delegation
from tandem.evm.frame import CALL_DEPTH_LIMIT, Frame, Message, Stopped
from tandem.evm.operations import WRITE_PROTECTION
from tandem.evm.outcome import CodeTooLarge
from tandem.primitives import rlp
from tandem.primitives.hashing import keccak, word

ADDRESS_MASK = 2**160 - 1
COLD_ACCOUNT, WARM_ACCOUNT = 2_600, 100
"""EIP-2929."""
CALL_VALUE_GAS, CALL_STIPEND, NEW_ACCOUNT_GAS = 9_000, 2_300, 25_000
CREATE_GAS, INIT_WORD_GAS, HASH_WORD_GAS = 32_000, 2, 6
"""Yellow paper; EIP-3860; CREATE2 hashes its init code (EIP-1014)."""
MAX_INIT_CODE = 49_152
"""EIP-3860, bytes."""
MAX_NONCE = 2**64 - 1
"""EIP-2681."""


def _address(value: int) -> bytes:
    return (value & ADDRESS_MASK).to_bytes(20, "big")


def _account_gas(frame: Frame, address: bytes) -> int:
    """What the access costs; the account is warm from now on."""
    world = frame.state
    if world.is_address_warm(address):
        return WARM_ACCOUNT
    world.mark_address_warm(address)
    return COLD_ACCOUNT


def _call(frame: Frame, kind: str) -> None:
    world, message, machine = frame.state, frame.msg, frame.machine
    moves = kind in ("CALL", "CALLCODE")
    asked, target, *rest = frame.stack_pop_ints(7 if moves else 6)
    value = rest.pop(0) if moves else message.value if kind == "DELEGATECALL" else 0
    if kind == "CALL" and value and message.is_static:
        raise WriteProtection(WRITE_PROTECTION)
    at, size, to, room = rest
    frame.extend_memory(at, size)
    frame.extend_memory(to, room)
    address, own = _address(target), message.storage_address
    cost = _account_gas(frame, address)
    code = world.get_code(address)
    if machine.fork.delegation and is_delegation(code):
        pointed = code[3:]
        cost += _account_gas(frame, pointed)
        code = world.get_code(pointed)
    stipend = 0
    if moves and value:
        stipend = CALL_STIPEND
        cost += CALL_VALUE_GAS
        if kind == "CALL" and world.account_is_empty(address):
            cost += NEW_ACCOUNT_GAS
    frame.consume_gas(cost, kind)
    given = min(asked, frame.gas - frame.gas // 64)  # EIP-150
    frame.gas -= given
    given += stipend
    if message.depth >= CALL_DEPTH_LIMIT or (moves and value and world.get_balance(own) < value):
        frame.return_data = b""
        frame.gas += given
        frame.stack_push_int(0)
        return
    is_read = code or address in machine.precompiles or frame.transaction_context.tracer is not None
    child = Message(
        kind,
        message.sender if kind == "DELEGATECALL" else own,
        address if kind in ("CALL", "STATICCALL") else own,
        address,
        code,
        given,
        value,
        frame.memory_read_bytes(at, size) if is_read else b"",
        message.depth + 1,
        message.is_static or kind == "STATICCALL",
        kind != "DELEGATECALL",
    )
    done = machine.call(world, child, frame.transaction_context)
    frame.gas += done.gas
    frame.return_data = output = done.result
    frame.memory_write(to, min(room, len(output)), output[:room])
    frame.stack_push_int(0 if done.failure else 1)


def call(frame: Frame) -> None:
    """CALL."""
    _call(frame, "CALL")


def callcode(frame: Frame) -> None:
    """CALLCODE."""
    _call(frame, "CALLCODE")


def delegatecall(frame: Frame) -> None:
    """DELEGATECALL."""
    _call(frame, "DELEGATECALL")


def staticcall(frame: Frame) -> None:
    """STATICCALL."""
    _call(frame, "STATICCALL")


def contract_address(sender: bytes, nonce: int) -> bytes:
    """Where CREATE, or a transaction without `to`, puts its contract."""
    return keccak(rlp.encode([sender, rlp.encode_int(nonce)]))[12:]


def contract_address2(sender: bytes, salt: int, init_code: bytes) -> bytes:
    """Where CREATE2 puts its contract (EIP-1014)."""
    return keccak(b"\xff" + sender + word(salt) + keccak(init_code))[12:]


def _create(frame: Frame, kind: str) -> None:
    world, message = frame.state, frame.msg
    if message.is_static:
        raise WriteProtection(WRITE_PROTECTION)
    value, at, size, *salt = frame.stack_pop_ints(4 if kind == "CREATE2" else 3)
    if size > MAX_INIT_CODE:
        raise CodeTooLarge(f"init code of {size} bytes (EIP-3860)")
    words = (size + 31) >> 5
    frame.consume_gas(CREATE_GAS + words * (INIT_WORD_GAS + (HASH_WORD_GAS if salt else 0)), kind)
    frame.extend_memory(at, size)
    own = message.storage_address
    nonce = world.get_nonce(own)
    frame.return_data = b""
    if message.depth >= CALL_DEPTH_LIMIT or world.get_balance(own) < value or nonce >= MAX_NONCE:
        frame.stack_push_int(0)
        return
    init_code = frame.memory_read_bytes(at, size)
    given = frame.gas - frame.gas // 64
    frame.gas -= given
    address = contract_address2(own, salt[0], init_code) if salt else contract_address(own, nonce)
    world.increment_nonce(own)
    world.mark_address_warm(address)
    if world.has_code_or_nonce(address):
        frame.stack_push_int(0)
        return
    child = Message(kind, own, address, address, init_code, given, value, b"", message.depth + 1)
    done = frame.machine.create(world, child, frame.transaction_context)
    frame.gas += done.gas
    if done.failure:
        frame.return_data = done.result
        frame.stack_push_int(0)
    else:
        frame.stack_push_bytes(address)


def create(frame: Frame) -> None:
    """CREATE."""
    _create(frame, "CREATE")


def create2(frame: Frame) -> None:
    """CREATE2."""
    _create(frame, "CREATE2")


def selfdestruct(frame: Frame) -> None:
    """SELFDESTRUCT: moves the balance; the contract goes only if this transaction created it (EIP-6780)."""
    world, own = frame.state, frame.msg.storage_address
    if frame.msg.is_static:
        raise WriteProtection(WRITE_PROTECTION)
    beneficiary = _address(frame.stack_pop1_int())
    balance = world.get_balance(own)
    cost = 0
    if not world.is_address_warm(beneficiary):
        world.mark_address_warm(beneficiary)
        cost = COLD_ACCOUNT
    if balance and world.account_is_empty(beneficiary):
        cost += NEW_ACCOUNT_GAS
    frame.consume_gas(cost, "SELFDESTRUCT")
    world.delta_balance(own, -balance)
    world.delta_balance(beneficiary, balance)
    if own in world.created:
        if beneficiary == own:
            world.burn(own)
        world.doom(own)
    tracer = frame.transaction_context.tracer
    if tracer is not None:
        tracer.destruct(own, beneficiary, balance)
    raise Stopped
