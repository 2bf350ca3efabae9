"""Tracers of debug_trace*: the tree of calls (geth's callTracer), and the list of instructions (its default)."""

import time
from typing import TYPE_CHECKING, Any

from sequencer.rpc.encode import Json, data
from sequencer.rpc.opcodes import NAMES
from sequencer.rpc.reverts import failure_sentence, reason
from sequencer.rpc.workers import timed_out
from tandem.evm.receipt import Receipt
from tandem.primitives.hashing import word

if TYPE_CHECKING:
    from tandem.evm.frame import Frame, Message

LOG0, LOG4, SLOAD, SSTORE = 0xA0, 0xA4, 0x54, 0x55
DEPLOY_BYTE_GAS = 200
"""Taken between a creation's RETURN and its end; no part of RETURN's cost."""
CHECK_EVERY = 4_096
"""Instructions between looks at the clock."""


class _Clock:
    """Ends a trace that takes too long: a trace executes in a thread, which nobody can stop from outside."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._steps = 0

    def tick(self) -> None:
        """One instruction."""
        self._steps += 1
        if self._steps % CHECK_EVERY == 0 and time.monotonic() > self._deadline:
            raise timed_out(self._seconds)


class CallTracer:
    """A tree of calls with what went in and came out. `onlyTopCall` and `withLog` as in geth."""

    def __init__(self, options: Json, seconds: float) -> None:
        self._only_top = bool(options.get("onlyTopCall"))
        self._with_log = bool(options.get("withLog"))
        self._clock = _Clock(seconds)
        self._open: list[Json] = []
        self._gas: list[int] = []
        self._root: Json | None = None

    def enter(self, message: "Message") -> None:
        """A call or creation begins."""
        call: Json = {
            "from": data(message.sender),
            "gas": hex(message.gas),
            "to": data(message.storage_address if message.is_create else message.code_address),
            "input": data(message.code if message.is_create else message.data),
            "type": message.kind,
        }
        if message.kind == "DELEGATECALL":
            call["from"] = data(message.storage_address)
        if message.kind != "STATICCALL":
            call["value"] = hex(message.value)
        self._open.append(call)
        self._gas.append(message.gas)

    def step(self, frame: "Frame", _pc: int, opcode: int) -> None:
        """Only logs are of interest."""
        self._clock.tick()
        if self._with_log and LOG0 <= opcode <= LOG4:
            count, stack = opcode - LOG0, frame.stack
            if len(stack) < 2 + count:
                return
            at, size = stack[-1], stack[-2]
            if at + size > 1 << 20:
                return
            content = bytes(frame.memory[at : at + size]).ljust(size, b"\0")
            call = self._open[-1]
            call.setdefault("logs", []).append(
                {
                    "address": data(frame.msg.storage_address),
                    "topics": [data(word(stack[-3 - index])) for index in range(count)],
                    "data": data(content),
                    "position": hex(len(call.get("calls", ()))),
                }
            )

    def leave(self, _message: "Message", output: bytes, gas_left: int, error: str | None) -> None:
        """It is over: hang it into its caller."""
        call = self._open.pop()
        call["gasUsed"] = hex(self._gas.pop() - gas_left)
        if output:
            call["output"] = data(output)
        if error:
            call["error"] = failure_sentence(error)
            _drop_logs(call)
            why = reason(output)
            if error == "revert" and why:
                call["revertReason"] = why
        if not self._open:
            self._root = call
        elif not self._only_top:
            self._open[-1].setdefault("calls", []).append(call)

    def destruct(self, address: bytes, beneficiary: bytes, value: int) -> None:
        """SELFDESTRUCT is shown as a call."""
        if not self._only_top:
            self._open[-1].setdefault("calls", []).append(
                {
                    "type": "SELFDESTRUCT",
                    "from": data(address),
                    "to": data(beneficiary),
                    "value": hex(value),
                    "gas": "0x0",
                    "gasUsed": "0x0",
                    "input": "0x",
                }
            )

    def result(self, receipt: Receipt, gas_limit: int, fallback: Json) -> Json:
        """The topmost call, with the whole transaction's gas."""
        call = self._root or dict(fallback)
        call["gas"], call["gasUsed"] = hex(gas_limit), hex(receipt.gas_used)
        if receipt.error:
            call.setdefault("error", failure_sentence(receipt.error))
        return call


def _drop_logs(call: Json) -> None:
    """What failed leaves no logs, nor does what it called."""
    call.pop("logs", None)
    for inner in call.get("calls", ()):
        _drop_logs(inner)


class StepTracer:
    """structLogs: each instruction with its stack, and memory, storage and return data as asked for."""

    def __init__(self, options: Json, most: int, seconds: float) -> None:
        self._memory = bool(options.get("enableMemory"))
        self._stack = not options.get("disableStack")
        self._storage = not options.get("disableStorage")
        self._return_data = bool(options.get("enableReturnData"))
        self._limit: int = min(int(options.get("limit") or most), most)
        self._clock = _Clock(seconds)
        self._steps: list[Json] = []
        self._last: list[Json | None] = []
        self._frames: list[Any] = []
        self._slots: dict[bytes, dict[str, str]] = {}

    def enter(self, _message: "Message") -> None:
        """The caller's instruction costs what it paid with what it handed over."""
        self._close(None)
        self._last.append(None)
        self._frames.append(None)

    def step(self, frame: "Frame", pc: int, opcode: int) -> None:
        """One more instruction."""
        self._clock.tick()
        self._close(frame.gas)
        if len(self._steps) >= self._limit:
            self._last[-1] = None
            return
        entry: Json = {
            "pc": pc,
            "op": NAMES.get(opcode, f"opcode {opcode:#x} not defined"),
            "gas": frame.gas,
            "gasCost": 0,
            "depth": frame.msg.depth + 1,
        }
        if self._stack:
            entry["stack"] = [hex(item) for item in frame.stack]
        if self._memory:
            memory = bytes(frame.memory)
            entry["memory"] = [data(memory[at : at + 32]) for at in range(0, len(memory), 32)]
        if self._return_data and frame.return_data:
            entry["returnData"] = data(frame.return_data)
        if self._storage and opcode in (SLOAD, SSTORE) and frame.stack:
            self._note_slot(frame, opcode, entry)
        self._steps.append(entry)
        self._last[-1], self._frames[-1] = entry, frame

    def _note_slot(self, frame: "Frame", opcode: int, entry: Json) -> None:
        """The contract's slots used so far, this one included."""
        address, slot = frame.msg.storage_address, frame.stack[-1]
        known = self._slots.setdefault(address, {})
        if opcode == SLOAD:
            value = frame.state.get_storage(address, slot)
        elif len(frame.stack) > 1:
            value = frame.stack[-2]
        else:
            return
        known[data(word(slot))] = data(word(value))
        entry["storage"] = dict(known)

    def leave(self, message: "Message", output: bytes, gas_left: int, error: str | None) -> None:
        """The frame's last instruction costs the rest."""
        entry, _ = self._last.pop(), self._frames.pop()
        if entry is None:
            return
        deployed = DEPLOY_BYTE_GAS * len(output) if message.is_create and not error else 0
        entry["gasCost"] = max(0, entry["gas"] - gas_left - deployed)
        if error and error != "revert":
            entry["error"] = failure_sentence(error)

    def destruct(self, address: bytes, beneficiary: bytes, value: int) -> None:
        """The instruction itself is in the list."""

    def _close(self, gas: int | None) -> None:
        """The cost of the open frame's last instruction is known now, unless a call of it has told it already."""
        if not self._last or self._last[-1] is None:
            return
        entry, frame = self._last[-1], self._frames[-1]
        entry["gasCost"] = entry["gas"] - (frame.gas if gas is None else gas)
        self._last[-1] = None

    def result(self, receipt: Receipt, _gas_limit: int, _fallback: Json) -> Json:
        """The list in geth's envelope."""
        return {
            "gas": receipt.gas_used,
            "failed": not receipt.status,
            "returnValue": data(receipt.output),
            "structLogs": self._steps,
        }
