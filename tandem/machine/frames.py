"""Where frames begin and end. Twin of contracts/machine/Frames.sol."""

from dataclasses import replace

from tandem.evm.machine import CODE_DEPOSIT_GAS, MAX_CODE_SIZE
from tandem.machine.code import load
from tandem.machine.execution import Halt, charge, read_slice
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, ExitStatus, Mode
from tandem.machine.state_trees import (
    PRECOMPILES,
    code_of,
    read_account,
    touch_address,
    warm,
    write_account,
)
from tandem.machine.structures import (
    WORDS_LAYOUT,
    CallMessage,
    CopyJob,
    CreateMessage,
    End,
    Exit,
    Frame,
    Precompile,
)
from tandem.machine.word_tree import EMPTY_SLICE
from tandem.primitives import rlp
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak, word
from tandem.primitives.types import ZERO_HASH, Address, Hash, Wei

RESERVED = 0xEF
"""No code begins with it (EIP-3541)."""
PRECOMPILE, COLLISION, COPIES, NOTHING = "precompile", "collision", "copies", "no code"
CODE_SIZE, RESERVED_BYTE = "code too large", "code begins with 0xEF"
ENDS = {ExitStatus.HALTED: "halted", ExitStatus.SUCCESS: "success", ExitStatus.REVERTED: "reverted"}


def _depth(m: Machine) -> int:
    """Of the frame that is about to begin. Opens the one that calls, if there is one."""
    return m.read_frame().depth + 1 if m.frame is not None else 0


def _debit(m: Machine, root: Hash, address: Address, value: int) -> Hash:
    """The state root after taking wei that were checked to be there."""
    account = read_account(m, root, address)
    return write_account(m, root, address, replace(account, balance=Wei(account.balance - value)))


def _transfer(m: Machine, root: Hash, message: CallMessage) -> Hash:
    """The state root after the call's value has moved. No value: an empty account that is touched goes (EIP-161)."""
    value, target = message.value, message.target
    if value:
        root = _debit(m, root, message.caller, value)
    account = read_account(m, root, target)
    if value or account.is_empty:
        root = write_account(m, root, target, replace(account, balance=Wei(account.balance + value)))
    return root


def enter_call(m: Machine) -> str | None:
    """The step CALL_ENTER."""
    entry_world = m.read_world()
    depth = _depth(m)
    message = m.read_aux(CallMessage)
    root = _transfer(m, entry_world.state_root, message) if message.transfers else entry_world.state_root
    m.world = replace(entry_world, state_root=root)
    number = int.from_bytes(message.code_address, "big")
    is_precompile = number in PRECOMPILES
    code = load(b"") if is_precompile else code_of(m, read_account(m, root, message.code_address))
    m.frame = Frame(
        depth=depth,
        is_create=False,
        is_static=message.is_static,
        target=message.target,
        caller=message.caller,
        value=message.value,
        code=code,
        call_input=message.input,
        output_offset=message.output_offset,
        output_size=message.output_size,
        entry_world=entry_world,
        parent=m.frame,
        gas=message.gas,
    )
    if is_precompile:
        m.become(Mode.PRECOMPILE, Precompile(number))
        return PRECOMPILE
    m.become(Mode.EXEC)
    return None if code.size else NOTHING


def contract_address(message: CreateMessage, init_code: bytes) -> Address:
    """Where the contract goes: CREATE by the creator's nonce, CREATE2 by salt and init code (EIP-1014)."""
    if message.is_create2:
        return Address(keccak(b"\xff" + message.caller + word(message.salt) + keccak(init_code))[12:])
    return Address(keccak(rlp.encode([message.caller, rlp.encode_int(message.nonce)]))[12:])


def enter_creation(m: Machine) -> str | None:
    """The step CREATE_ENTER."""
    m.read_world()
    depth = _depth(m)
    message = m.read_aux(CreateMessage)
    init_code = read_slice(m, message.code, 0, message.code.length)
    address, value = contract_address(message, init_code), message.value
    touch_address(m, address)
    entry_world = m.world
    assert entry_world is not None
    root = entry_world.state_root
    account = read_account(m, root, address)
    if account.nonce or account.code_hash != EMPTY_CODE_HASH or account.storage_root != ZERO_HASH:
        return _collide(m)
    warm(m, AccessTag.CREATED, address)
    root = write_account(m, root, address, replace(account, nonce=1, balance=Wei(account.balance + value)))
    if value:
        root = _debit(m, root, message.caller, value)
    assert m.world is not None
    m.world = replace(m.world, state_root=root)
    m.frame = Frame(
        depth=depth,
        is_create=True,
        is_static=False,
        target=address,
        caller=message.caller,
        value=value,
        code=load(init_code),
        call_input=EMPTY_SLICE,
        output_offset=0,
        output_size=0,
        entry_world=entry_world,
        parent=m.frame,
        gas=message.gas,
    )
    m.become(Mode.EXEC)
    return None


def _collide(m: Machine) -> str:
    """The address is taken: the gas given is gone (EIP-684, EIP-7610)."""
    if m.frame is None:
        m.become(Mode.END, End(0, 0))
    else:
        m.frame.push(0)
        m.become(Mode.EXEC)
    return COLLISION


def exit_frame(m: Machine) -> str | None:
    """The step FRAME_EXIT."""
    frame = m.read_frame()
    done = m.read_aux(Exit)
    status, output = done.status, done.output
    succeeds = status == ExitStatus.SUCCESS
    if not succeeds:
        m.world = frame.entry_world
    if frame.parent is None:
        m.frame = None
        m.become(Mode.END, End(int(succeeds), frame.gas))
        return ENDS[ExitStatus(status)]
    parent = m.read_parent()
    parent.gas += frame.gas
    created = succeeds and frame.is_create
    parent.push(int.from_bytes(frame.target, "big") if created else int(succeeds))
    parent.returned = output  # a creation that succeeded has none: its code is deposited
    if output.tree is parent.memory:
        parent.memory.shared = True
    m.frame = parent
    size = min(frame.output_size, output.length)
    if not size:
        m.become(Mode.EXEC)
        return ENDS[ExitStatus(status)]
    assert output.tree is not None
    m.become(Mode.COPY, CopyJob(WORDS_LAYOUT, output.tree, output.offset, size, frame.output_offset, size))
    return f"{ENDS[ExitStatus(status)]}, {COPIES}"


def deposit_code(m: Machine) -> str | None:
    """The step CODE_DEPOSIT."""
    frame = m.read_frame()
    output = m.read_aux(Exit).output
    if output.length > MAX_CODE_SIZE:
        raise Halt(CODE_SIZE)
    charge(frame, CODE_DEPOSIT_GAS * output.length)
    code = read_slice(m, output, 0, output.length)
    if code and code[0] == RESERVED:
        raise Halt(RESERVED_BYTE)
    if code:
        world = m.read_world()
        account = read_account(m, world.state_root, frame.target)
        code_hash = keccak(code)
        m.chain.nodes.put(code_hash, code)
        account = replace(account, code_hash=code_hash, code_root=load(code).root, code_size=len(code))
        m.world = replace(world, state_root=write_account(m, world.state_root, frame.target, account))
    m.become(Mode.EXIT, Exit(ExitStatus.SUCCESS))
    return None if code else NOTHING
