"""Hooks that watch execution, for debug_traceTransaction and its kin. Without a tracer they cost nothing: the
interpreter then runs a loop that has no hook in it."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tandem.evm.frame import Frame, Message


class Tracer(Protocol):
    """What a tracer is told, in order. It must not change what it is shown."""

    def enter(self, message: "Message") -> None:
        """A call or creation begins: kind, sender, target, value, gas, input, depth. Also calls to precompiles and
        accounts without code. The caller's frame has already paid the gas handed over."""
        ...

    def step(self, frame: "Frame", pc: int, opcode: int) -> None:
        """An instruction is about to run. `frame` shows stack, memory, gas and return data as they are before it.
        Its cost is the difference to `frame.gas` at the next step (for a call: before `enter`)."""
        ...

    def leave(self, message: "Message", output: bytes, gas_left: int, error: str | None) -> None:
        """The call or creation is over. `error` is a kind of `tandem.evm.outcome`; its effects were taken back then."""
        ...

    def destruct(self, address: bytes, beneficiary: bytes, value: int) -> None:
        """SELFDESTRUCT moved `value` wei."""
        ...
