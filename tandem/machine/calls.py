"""The instructions that call, create and destroy. Twin of contracts/machine/Calls.sol.

They charge, warm and check; the frame itself is opened by the next step (frames.py).
"""

from dataclasses import replace

from tandem.evm.calls import (
    CALL_STIPEND,
    CALL_VALUE_GAS,
    COLD_ACCOUNT,
    HASH_WORD_GAS,
    INIT_WORD_GAS,
    MAX_INIT_CODE,
    MAX_NONCE,
    NEW_ACCOUNT_GAS,
    WARM_ACCOUNT,
)
from tandem.evm.frame import CALL_DEPTH_LIMIT as DEPTH_LIMIT
from tandem.machine.execution import (
    INIT_CODE_SIZE,
    STATIC,
    Halt,
    charge,
    expand,
    leave,
    memory_slice,
)
from tandem.machine.machine import Machine
from tandem.machine.modes import AccessTag, ExitStatus, Mode
from tandem.machine.state_trees import access_key, read_account, read_slot, touch_address, write_account
from tandem.machine.stepping import Instruction
from tandem.machine.structures import CallMessage, CreateMessage, Frame
from tandem.machine.word_tree import EMPTY_SLICE
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_HASH, Address, Wei

CREATE, CALL, CALLCODE, DELEGATECALL, CREATE2, STATICCALL, SELFDESTRUCT = 0xF0, 0xF1, 0xF2, 0xF4, 0xF5, 0xFA, 0xFF
COLD, NEW_ACCOUNT, DEPTH, NO_BALANCE, NO_NONCE = "cold", "new account", "depth", "no balance", "no nonce"
BURNT, DOOMED = "burnt", "doomed"


def address_of(value: int) -> Address:
    """The address in a stack word: its low 20 bytes."""
    return Address((value & (1 << 160) - 1).to_bytes(20, "big"))


def _give(frame: Frame, asked: int) -> int:
    """Take the gas that a callee gets: at most all but a 64th (EIP-150)."""
    given = min(asked, frame.gas - frame.gas // 64)
    frame.gas -= given
    return given


def _refuse(m: Machine, frame: Frame, outcome: str) -> str:
    """The call or creation does not begin, and the instruction is over."""
    frame.push(0)
    frame.returned = EMPTY_SLICE
    m.become(Mode.EXEC)
    return outcome


def _call(kind: int) -> Instruction:
    moves = kind in (CALL, CALLCODE)

    def call(m: Machine, frame: Frame, args: list[int]) -> str | None:
        asked, to, *rest = args
        value = rest.pop(0) if moves else frame.value if kind == DELEGATECALL else 0
        moved = value if moves else 0
        offset, size, output_offset, output_size = rest
        if kind == CALL and value and frame.is_static:
            raise Halt(STATIC)
        expand(frame, offset, size)
        expand(frame, output_offset, output_size)
        world = m.read_world()
        address = address_of(to)
        outcome, cost = None, WARM_ACCOUNT
        if touch_address(m, address):
            outcome, cost = COLD, COLD_ACCOUNT
        if moved:
            cost += CALL_VALUE_GAS
            if kind == CALL and read_account(m, world.state_root, address).is_empty:
                outcome = NEW_ACCOUNT
                cost += NEW_ACCOUNT_GAS
        charge(frame, cost)
        given = _give(frame, asked) + (CALL_STIPEND if moved else 0)
        if frame.depth >= DEPTH_LIMIT:
            frame.gas += given
            return _refuse(m, frame, DEPTH)
        if moved and read_account(m, world.state_root, frame.target).balance < value:
            frame.gas += given
            return _refuse(m, frame, NO_BALANCE)
        message = CallMessage(
            is_static=frame.is_static or kind == STATICCALL,
            caller=frame.caller if kind == DELEGATECALL else frame.target,
            target=address if kind in (CALL, STATICCALL) else frame.target,
            code_address=address,
            value=value,
            transfers=kind in (CALL, STATICCALL),
            gas=given,
            input=memory_slice(frame, offset, size),
            output_offset=output_offset,
            output_size=output_size,
        )
        m.become(Mode.CALL, message)
        return outcome

    return call


def _create(kind: int) -> Instruction:
    def create(m: Machine, frame: Frame, args: list[int]) -> str | None:
        value, offset, size, *salt = args
        if frame.is_static:
            raise Halt(STATIC)
        if size > MAX_INIT_CODE:
            raise Halt(INIT_CODE_SIZE)
        charge(frame, (size + 31 >> 5) * (INIT_WORD_GAS + (HASH_WORD_GAS if salt else 0)))
        expand(frame, offset, size)
        if frame.depth >= DEPTH_LIMIT:
            return _refuse(m, frame, DEPTH)
        world = m.read_world()
        account = read_account(m, world.state_root, frame.target)
        if account.balance < value:
            return _refuse(m, frame, NO_BALANCE)
        if account.nonce >= MAX_NONCE:
            return _refuse(m, frame, NO_NONCE)
        raised = replace(account, nonce=account.nonce + 1)
        m.world = replace(world, state_root=write_account(m, world.state_root, frame.target, raised))
        frame.returned = EMPTY_SLICE
        message = CreateMessage(
            caller=frame.target,
            value=value,
            gas=_give(frame, frame.gas),
            nonce=account.nonce,
            is_create2=bool(salt),
            salt=salt[0] if salt else 0,
            code=memory_slice(frame, offset, size),
        )
        m.become(Mode.CREATE, message)
        return None

    return create


def selfdestruct(m: Machine, frame: Frame, args: list[int]) -> str | None:
    """SELFDESTRUCT: moves the balance; the contract goes only if this transaction created it (EIP-6780)."""
    if frame.is_static:
        raise Halt(STATIC)
    own, beneficiary = frame.target, address_of(args[0])
    root = m.read_world().state_root
    outcome, cost = None, 0
    if touch_address(m, beneficiary):
        outcome, cost = COLD, COLD_ACCOUNT
    assert m.world is not None
    account = read_account(m, root, own)
    balance = account.balance
    created = read_slot(m, m.world.access_root, access_key(AccessTag.CREATED, own)) != ZERO_HASH
    if beneficiary != own:
        if balance:
            root = write_account(m, root, own, replace(account, balance=Wei(0)))
        heir = read_account(m, root, beneficiary)
        if balance and heir.is_empty:
            outcome = NEW_ACCOUNT
            cost += NEW_ACCOUNT_GAS
        charge(frame, cost)
        if balance or heir.is_empty:
            root = write_account(m, root, beneficiary, replace(heir, balance=Wei(heir.balance + balance)))
    else:
        charge(frame, cost)
        if balance and created:
            outcome = BURNT
            root = write_account(m, root, own, replace(account, balance=Wei(0)))
    m.world = replace(m.world, state_root=root)
    if created:
        outcome = outcome if outcome == BURNT else DOOMED
        link = m.world.doomed + own.rjust(32, b"\0")
        doomed = keccak(link)
        m.chain.nodes.put(doomed, link)
        m.world = replace(m.world, doomed=doomed)
    leave(m, ExitStatus.SUCCESS)
    return outcome


INSTRUCTIONS: dict[int, Instruction] = {
    **{kind: _call(kind) for kind in (CALL, CALLCODE, DELEGATECALL, STATICCALL)},
    CREATE: _create(CREATE),
    CREATE2: _create(CREATE2),
    SELFDESTRUCT: selfdestruct,
}
