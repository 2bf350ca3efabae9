"""PRECOMPILE: gas by this table, the result by the engine's own functions. Twin of contracts/machine/Precompiles.sol.

What can be told from the lengths comes first; input is read, and put on the tape, only where the outcome hangs on it.
"""

from typing import Any, cast

from eth.exceptions import VMError

from tandem.evm import precompiles as engine
from tandem.evm.frame import Frame as EngineFrame
from tandem.evm.rules import CANCUN, PrecompileCaps
from tandem.machine.execution import Halt, charge, leave, read_slice
from tandem.machine.machine import Machine
from tandem.machine.modes import ExitStatus, Flag
from tandem.machine.structures import Frame, Precompile
from tandem.machine.word_tree import Slice, WordTree

ECRECOVER, SHA256, RIPEMD160, IDENTITY, MODEXP, ECADD, ECMUL, PAIRING, BLAKE2F, POINT_EVALUATION = range(1, 11)
NAMES = {
    ECRECOVER: "ecrecover",
    SHA256: "sha256",
    RIPEMD160: "ripemd160",
    IDENTITY: "identity",
    MODEXP: "modexp",
    ECADD: "ecadd",
    ECMUL: "ecmul",
    PAIRING: "pairing",
    BLAKE2F: "blake2f",
    POINT_EVALUATION: "point evaluation",
}
"""Outcomes of success; the others begin with these."""
OVER_THE_CAP, INVALID_INPUT = "over the cap", "invalid input"
PAIR = 192
"""Bytes of one pair of points (EIP-197)."""
MODEXP_HEAD, EXPONENT_HEAD = 96, 32
"""Bytes of the three lengths before MODEXP's operands; of the exponent, those that gas hangs on (EIP-2565)."""
BLAKE2F_BYTES, POINT_EVALUATION_BYTES = 213, 192
CULPRIT_BYTES = 4
CAPS = PrecompileCaps()
FUNCTIONS = engine.precompiles(CANCUN, None)


def run(m: Machine) -> str | None:
    """The step PRECOMPILE."""
    frame = m.read_frame()
    capped = bool(m.read_block().flags & Flag.CAPPED_PRECOMPILES)
    number = m.read_aux(Precompile).number
    try:
        output = _modexp(m, frame, capped) if number == MODEXP else _call(m, frame, number, capped)
    except Halt as reason:
        raise Halt(f"{NAMES[number]}: {reason}") from None
    leave(m, ExitStatus.SUCCESS, output)
    return NAMES[number]


def _call(m: Machine, frame: Frame, number: int, capped: bool) -> Slice:
    """Any but MODEXP. Gives the output."""
    given = frame.input
    if not takes(number, given.length):
        raise Halt(INVALID_INPUT)
    if capped and not within_cap(number, given.length):
        raise Halt(OVER_THE_CAP)
    if number == BLAKE2F:
        return _blake2f(m, frame, capped)
    charge(frame, gas_of(number, given.length))
    if number == IDENTITY:
        return given
    if number == PAIRING:
        return _pairing(m, given)
    return _output(number, read_slice(m, given, 0, reads(number, given.length)))


def _modexp(m: Machine, frame: Frame, capped: bool) -> Slice:
    """Three readings: the lengths, as much of the exponent as the gas hangs on, and the operands where they matter."""
    head = read_slice(m, frame.input, 0, MODEXP_HEAD)
    base, exponent, modulus = (int.from_bytes(head[at : at + 32], "big") for at in range(0, MODEXP_HEAD, 32))
    if capped and max(base, exponent, modulus) > CAPS.modexp_operand:
        raise Halt(OVER_THE_CAP)
    high = read_slice(m, frame.input, MODEXP_HEAD + base, min(exponent, EXPONENT_HEAD))
    gas = modexp_gas(base, exponent, modulus, int.from_bytes(high, "big"))
    if capped and gas > CAPS.modexp_gas:
        raise Halt(OVER_THE_CAP)
    charge(frame, gas)
    if not modulus:
        return Slice()
    return _output(MODEXP, head + read_slice(m, frame.input, MODEXP_HEAD, base + exponent + modulus))


def _blake2f(m: Machine, frame: Frame, capped: bool) -> Slice:
    """Gas is the number of rounds (EIP-152)."""
    data = read_slice(m, frame.input, 0, BLAKE2F_BYTES)
    rounds = int.from_bytes(data[:4], "big")
    if data[-1] > 1:
        raise Halt(INVALID_INPUT)
    if capped and rounds > CAPS.blake2_rounds:
        raise Halt(OVER_THE_CAP)
    charge(frame, rounds)
    return _output(BLAKE2F, data)


def _pairing(m: Machine, given: Slice) -> Slice:
    """On the tape first: which pair makes the input invalid, counted from 1, or 0. Then that pair alone, or all."""
    data = given.bytes()
    try:
        output = _output(PAIRING, data)
    except Halt:
        culprit = next(at for at in range(0, len(data), PAIR) if not _is_pair(data[at : at + PAIR]))
        m.tape.number(culprit // PAIR + 1, CULPRIT_BYTES)
        read_slice(m, given, culprit, PAIR)
        raise
    m.tape.number(0, CULPRIT_BYTES)
    read_slice(m, given, 0, given.length)
    return output


def _is_pair(data: bytes) -> bool:
    try:
        _output(PAIRING, data)
    except Halt:
        return False
    return True


def gas_of(number: int, length: int) -> int:
    """Gas of a call, for all whose gas is known by the input's length: not for MODEXP and BLAKE2F."""
    words = length + 31 >> 5
    return {
        ECRECOVER: 3_000,
        SHA256: 60 + 12 * words,
        RIPEMD160: 600 + 120 * words,
        IDENTITY: 15 + 3 * words,
        ECADD: 150,
        ECMUL: 6_000,
        PAIRING: 45_000 + 34_000 * (length // PAIR),
        POINT_EVALUATION: 50_000,
    }[number]


def takes(number: int, length: int) -> bool:
    """Whether an input of this length is one that the precompile takes."""
    if number == PAIRING:
        return length % PAIR == 0
    if number == BLAKE2F:
        return length == BLAKE2F_BYTES
    return number != POINT_EVALUATION or length == POINT_EVALUATION_BYTES


def within_cap(number: int, length: int) -> bool:
    """Whether an input of this length is within the chain's cap."""
    return length <= {SHA256: CAPS.sha256, RIPEMD160: CAPS.ripemd160, PAIRING: CAPS.pairing}.get(number, length)


def reads(number: int, length: int) -> int:
    """How many bytes of the input are read where it is that long. Not for MODEXP."""
    return {ECRECOVER: 128, ECADD: 128, ECMUL: 96}.get(number, length)


def modexp_gas(base: int, exponent: int, modulus: int, head: int) -> int:
    """MODEXP's gas by EIP-2565, from the lengths and the exponent's first 32 bytes."""
    words = max(base, modulus) + 7 >> 3
    iterations = max(head.bit_length() - 1, 0) + 8 * max(exponent - EXPONENT_HEAD, 0)
    return max(200, words * words * max(iterations, 1) // 3)


class _Call:
    """As much of a frame as the engine's precompiles ask for. Gas is counted here, not there."""

    __slots__ = ("msg", "output")

    def __init__(self, data: bytes) -> None:
        self.msg = _Input(data)
        self.output = b""

    def consume_gas(self, amount: int, reason: str) -> None:
        """Nothing: it is paid."""


class _Input:
    __slots__ = ("data", "data_as_bytes")

    def __init__(self, data: bytes) -> None:
        self.data = self.data_as_bytes = data


def _output(number: int, data: bytes) -> Slice:
    """What the precompile gives, as a tree of its own."""
    call: Any = _Call(data)
    try:
        FUNCTIONS[engine.at(number)](cast(EngineFrame, call))
    except VMError as error:
        raise Halt(INVALID_INPUT) from error
    return Slice.of(WordTree(call.output), 0, len(call.output))
