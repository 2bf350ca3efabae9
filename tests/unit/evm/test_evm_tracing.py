"""Tracers see every frame and instruction, in order, with the gas that geth would show; results stay the same."""

from tandem.evm.frame import Frame, Message
from tests.unit.evm.one_block import BOB, CONTRACT, OneBlock, call_code, push, transaction


class Recorder:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def enter(self, message: Message) -> None:
        self.events.append(("enter", message.kind, message.depth, message.value, message.gas))

    def step(self, frame: Frame, pc: int, opcode: int) -> None:
        self.events.append(("step", frame.msg.depth, pc, opcode, frame.gas, tuple(frame.stack)))

    def leave(self, message: Message, output: bytes, gas_left: int, error: str | None) -> None:
        self.events.append(("leave", message.depth, output, gas_left, error))

    def destruct(self, address: bytes, beneficiary: bytes, value: int) -> None:
        self.events.append(("destruct", address, beneficiary, value))


def test_steps_carry_program_counter_gas_and_stack() -> None:
    recorder, block = Recorder(), OneBlock()
    block.deploy(b"\x60\x07\x5f\x55\x00")
    block.executor.apply(transaction(CONTRACT, gas=50_000), recorder)
    assert recorder.events == [
        ("enter", "CALL", 0, 0, 29_000),
        ("step", 0, 0, 0x60, 29_000, ()),
        ("step", 0, 2, 0x5F, 28_997, (7,)),
        ("step", 0, 3, 0x55, 28_995, (7, 0)),
        ("step", 0, 4, 0x00, 28_995 - 22_100, ()),
        ("leave", 0, b"", 28_995 - 22_100, None),
    ]


def test_calls_to_accounts_without_code_are_seen() -> None:
    recorder, block = Recorder(), OneBlock()
    block.executor.apply(transaction(BOB, value=3, gas=21_000), recorder)
    assert recorder.events == [("enter", "CALL", 0, 3, 0), ("leave", 0, b"", 0, None)]


def test_inner_failure_and_selfdestruct_are_seen() -> None:
    recorder, block = Recorder(), OneBlock()
    failing, dying = b"\xc1" * 20, b"\xc2" * 20
    block.deploy(push(2) + b"\x5f\xfd", failing)  # type: ignore[arg-type]
    block.deploy(push(BOB) + b"\xff", dying, balance=4)  # type: ignore[arg-type]
    block.deploy(call_code(failing) + call_code(dying))
    receipt = block.executor.apply(transaction(CONTRACT, gas=200_000), recorder)
    assert receipt.status == 1
    frames = [event for event in recorder.events if event[0] != "step"]
    assert [event[:2] for event in frames] == [
        ("enter", "CALL"),
        ("enter", "CALL"),
        ("leave", 1),
        ("enter", "CALL"),
        ("destruct", dying),
        ("leave", 1),
        ("leave", 0),
    ]
    assert [event[-1] for event in frames if event[0] == "leave"] == ["revert", None, None]


def test_traced_and_fast_execution_agree() -> None:
    code = call_code(BOB, value=1) + bytes.fromhex("5a5f5260205fa0 6020 5f f3".replace(" ", ""))
    fast, traced = OneBlock(), OneBlock()
    for block in (fast, traced):
        block.deploy(code, balance=10)
    tx = transaction(CONTRACT)
    assert fast.executor.apply(tx) == traced.executor.apply(tx, Recorder())
    assert fast.executor.finish() == traced.executor.finish()
