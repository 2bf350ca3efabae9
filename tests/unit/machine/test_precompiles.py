"""PRECOMPILE: our table of gas against the engine's, and every outcome of all ten against the contract."""

import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from coincurve import PrivateKey
from eth.exceptions import OutOfGas, VMError
from eth.vm.forks.berlin.computation import _compute_modexp_gas_fee_eip_2565

from tandem.evm import precompiles as engine
from tandem.evm.rules import CANCUN, PrecompileCaps
from tandem.machine import precompiles
from tandem.machine.machine import Machine
from tandem.machine.modes import ExitStatus, Flag, Mode, Prover
from tandem.machine.precompiles import NAMES, modexp_gas, run
from tandem.machine.stepping import Proven, prove
from tandem.machine.structures import Exit, Precompile
from tandem.machine.tape import Tape
from tandem.machine.word_tree import EMPTY_SLICE, WordTree
from tandem.primitives.hashing import keccak, word
from tests.support.revm import GAS, Reverted
from tests.unit.machine.support import BLOCK, Provers, make_machine, slice_of

ECRECOVER, SHA256, RIPEMD160, IDENTITY, MODEXP, ECADD, ECMUL, PAIRING, BLAKE2F, POINT_EVALUATION = range(1, 11)
CAPS = PrecompileCaps()
PLENTY = 12_000_000
"""More gas than any case needs."""
ORDER = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
FIELD = 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD47
G1 = word(1) + word(2)
MINUS_G1 = word(1) + word(FIELD - 2)
G2 = b"".join(
    word(value)
    for value in (
        0x198E9393920D483A7260BFB731FB5D25F1AA493335A9E71297E485B7AEF312C2,
        0x1800DEEF121F1E76426A00665E5C4479674322D4F75EDADD46DEBD5CD992F6ED,
        0x090689D0585FF075EC9E99AD690C3395BC4B313370B38EF355ACDADCD122975B,
        0x12C85EA5DB8C6DEB4AAB71808DCB408FE3D1E7690C43D37B4CE6CC0166FA7DAA,
    )
)
OFF_CURVE = word(1) + word(3)
INFINITY = b"\xc0" + bytes(47)
"""The point at infinity of BLS12-381: a commitment to the polynomial 0, and its proof everywhere."""
POINT = b"\x01" + sha256(INFINITY).digest()[1:] + word(5) + word(0) + INFINITY + INFINITY


def signature(message: bytes = keccak(b"message")) -> bytes:
    """What ecrecover takes."""
    signed = PrivateKey(b"\x11" * 32).sign_recoverable(message, hasher=None)
    return message + word(27 + signed[64]) + signed[:64]


def operands(base: bytes, exponent: bytes, modulus: bytes) -> bytes:
    """What modexp takes."""
    return word(len(base)) + word(len(exponent)) + word(len(modulus)) + base + exponent + modulus


def sizes(base: int, exponent: int, modulus: int) -> bytes:
    """modexp's lengths alone."""
    return word(base) + word(exponent) + word(modulus)


def rounds(count: int, flag: int = 1, seed: int = 1) -> bytes:
    """What blake2f takes."""
    return count.to_bytes(4, "big") + random.Random(seed).randbytes(208) + bytes([flag])


def noise(length: int) -> bytes:
    """Any bytes."""
    return random.Random(length).randbytes(length)


SUCCEEDS: dict[str, tuple[int, bytes]] = {
    "ecrecover": (ECRECOVER, signature()),
    "ecrecover, more bytes than it reads": (ECRECOVER, signature() + b"\x01" * 50),
    "ecrecover, high s": (
        ECRECOVER,
        keccak(b"x") + word(28) + word(3) + word(0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364140),
    ),
    "ecrecover, no key": (ECRECOVER, keccak(b"x") + word(27) + word(5) + word(0)),
    "ecrecover, wrong v": (ECRECOVER, signature()[:32] + word(29) + signature()[64:]),
    "ecrecover, v with high bytes": (ECRECOVER, signature()[:32] + b"\x01" + signature()[33:]),
    "ecrecover, short": (ECRECOVER, signature()[:100]),
    "ecrecover, empty": (ECRECOVER, b""),
    **{f"sha256, {length}": (SHA256, noise(length)) for length in (0, 1, 31, 32, 33, 200, 65_536)},
    **{f"ripemd160, {length}": (RIPEMD160, noise(length)) for length in (0, 1, 31, 32, 33, 200, 65_536)},
    **{f"identity, {length}": (IDENTITY, noise(length)) for length in (0, 1, 33, 100_000)},
    "modexp": (MODEXP, operands(b"\x03", b"\x0a\xff", b"\x7f\xab\x11")),
    "modexp, empty": (MODEXP, b""),
    "modexp, half its lengths": (MODEXP, sizes(1, 1, 1)[:50]),
    "modexp, no operands": (MODEXP, sizes(3, 2, 5)),
    "modexp, cut amid the exponent": (MODEXP, operands(b"\x03\x04", b"\xff" * 40, b"\x05" * 9)[:-30]),
    "modexp, nothing to the nothing": (MODEXP, operands(b"", b"", b"\x05")),
    "modexp, nothing to the nothing mod 1": (MODEXP, operands(b"", b"", b"\x01")),
    "modexp, zero to the zero": (MODEXP, operands(b"\x00", b"\x00", b"\x00\x07")),
    "modexp, modulus zero": (MODEXP, operands(b"\x03", b"\x02", bytes(5))),
    "modexp, no modulus": (MODEXP, operands(b"\x03" * 80, b"\x02" * 30, b"")),
    "modexp, only an exponent": (MODEXP, operands(b"", b"\x02" * 500, b"")),
    "modexp, exponent of zeros": (MODEXP, operands(b"\x02" * 33, bytes(40), b"\x0b" * 34)),
    "modexp, long exponent": (MODEXP, operands(b"\x02" * 8, noise(1_024), b"\x0b" * 9)),
    "modexp, 2048 bits": (MODEXP, operands(noise(256), b"\x01\x00\x01", noise(256))),
    "modexp, wide": (MODEXP, operands(noise(1_024), b"\x01\x00\x01", noise(1_024))),
    "modexp, trailing bytes": (MODEXP, operands(b"\x03", b"\x02", b"\x05") + noise(70)),
    "ecadd": (ECADD, G1 + G1),
    "ecadd, to infinity": (ECADD, G1 + MINUS_G1),
    "ecadd, short": (ECADD, G1),
    "ecadd, empty": (ECADD, b""),
    "ecadd, more bytes than it reads": (ECADD, G1 + G1 + noise(40)),
    "ecmul": (ECMUL, G1 + word(2**256 - 1)),
    "ecmul, short": (ECMUL, G1 + b"\x01"),
    "ecmul, empty": (ECMUL, b""),
    "ecmul, more bytes than it reads": (ECMUL, G1 + word(9) + noise(40)),
    "pairing, empty": (PAIRING, b""),
    "pairing, one": (PAIRING, G1 + G2 + MINUS_G1 + G2),
    "pairing, not one": (PAIRING, G1 + G2),
    "pairing, infinity": (PAIRING, bytes(192)),
    "pairing, largest": (PAIRING, (G1 + G2 + MINUS_G1 + G2) * 75),
    "blake2f": (BLAKE2F, rounds(12)),
    "blake2f, not the last block": (BLAKE2F, rounds(12, 0)),
    "blake2f, no rounds": (BLAKE2F, rounds(0)),
    "blake2f, largest": (BLAKE2F, rounds(65_536)),
    "point evaluation": (POINT_EVALUATION, POINT),
}
FAILS: dict[str, tuple[int, bytes]] = {
    "ecadd": (ECADD, G1 + OFF_CURVE),
    "ecadd, short": (ECADD, word(1)),
    "ecadd, coordinate not reduced": (ECADD, word(FIELD + 1) + word(2)),
    "ecmul": (ECMUL, OFF_CURVE + word(2)),
    "ecmul, short": (ECMUL, b"\x01"),
    "pairing, length": (PAIRING, G1 + G2 + b"\x01"),
    "pairing, off curve": (PAIRING, G1 + G2 + OFF_CURVE + G2),
    "pairing, two culprits": (PAIRING, (G1 + G2) * 3 + OFF_CURVE + G2 + G1 + noise(128)),
    "pairing, last of the largest": (PAIRING, (G1 + G2) * 149 + OFF_CURVE + G2),
    "blake2f, flag": (BLAKE2F, rounds(12, 2)),
    "blake2f, short": (BLAKE2F, rounds(12)[:-1]),
    "blake2f, long": (BLAKE2F, rounds(12) + b"\0"),
    "blake2f, empty": (BLAKE2F, b""),
    "point evaluation, length": (POINT_EVALUATION, POINT[:-1]),
    "point evaluation, hash": (POINT_EVALUATION, b"\x02" + POINT[1:]),
    "point evaluation, value": (POINT_EVALUATION, POINT[:95] + b"\x01" + POINT[96:]),
    "point evaluation, no field element": (POINT_EVALUATION, POINT[:32] + b"\xff" * 32 + POINT[64:]),
    "point evaluation, empty": (POINT_EVALUATION, b""),
}
OVER: dict[str, tuple[int, bytes]] = {
    "sha256": (SHA256, bytes(65_537)),
    "ripemd160": (RIPEMD160, bytes(65_537)),
    "modexp, base": (MODEXP, sizes(1_025, 0, 0)),
    "modexp, exponent": (MODEXP, sizes(0, 1_025, 0)),
    "modexp, modulus": (MODEXP, sizes(0, 0, 1_025)),
    "modexp, gas": (MODEXP, operands(noise(1_024), b"\xff" * 18, noise(1_024))),
    "modexp, gas by length": (MODEXP, sizes(1_024, 49, 1_024)),
    "pairing": (PAIRING, bytes(192 * 151)),
    "blake2f": (BLAKE2F, rounds(65_537)),
}


class Minimal:
    """A frame for the engine's functions."""

    def __init__(self, data: bytes, gas: int) -> None:
        self.msg = self
        self.data = self.data_as_bytes = data
        self.gas = gas
        self.output = b""

    def consume_gas(self, amount: int, reason: str) -> None:
        """Take gas."""
        self.gas -= amount
        if self.gas < 0:
            raise OutOfGas(reason)


def by_engine(number: int, data: bytes, gas: int, capped: bool = True) -> tuple[int, bytes] | None:
    """Gas left and output, or None where the call fails."""
    frame = Minimal(data, gas)
    function: Callable[[Any], object] = engine.precompiles(CANCUN, CAPS if capped else None)[engine.at(number)]
    try:
        function(frame)
    except VMError:
        return None
    return frame.gas, frame.output


def machine(number: int, data: bytes, gas: int = PLENTY, capped: bool = True, offset: int = 37) -> Machine:
    """About to run a precompile."""
    flags = Flag.CAPPED_PRECOMPILES | Flag.UNPROTECTED if capped else Flag.UNPROTECTED
    m = make_machine(
        b"", mode=Mode.PRECOMPILE, depth=1, gas=gas, calldata=slice_of(data, offset), block=replace(BLOCK, flags=flags)
    )
    m.aux = Precompile(number)
    return m


def judge(provers: Provers, number: int, data: bytes, gas: int = PLENTY, capped: bool = True, offset: int = 37) -> str:
    """Let both take the step, and compare with the engine. Gives the outcome behind the precompile's name."""
    m = machine(number, data, gas, capped, offset)
    proven = provers.check(m, Prover.PRECOMPILES, run)
    expected = by_engine(number, data, gas, capped)
    assert isinstance(m.aux, Exit) and m.frame is not None and m.mode == Mode.EXIT
    if expected is None:
        assert m.aux == Exit(ExitStatus.HALTED) and m.frame.gas == 0
    else:
        assert m.aux.status == ExitStatus.SUCCESS
        assert (m.frame.gas, m.aux.output.bytes()) == expected
    name, _, reason = proven.outcome.partition(": ")
    assert name == NAMES[number] and (not reason) == (expected is not None)
    return reason


@pytest.mark.parametrize("name", SUCCEEDS)
def test_it_gives_what_the_engine_gives(provers: Provers, name: str) -> None:
    number, data = SUCCEEDS[name]
    assert judge(provers, number, data) == ""
    assert judge(provers, number, data, offset=0) == ""


@pytest.mark.parametrize("name", FAILS)
def test_invalid_input_halts(provers: Provers, name: str) -> None:
    number, data = FAILS[name]
    assert judge(provers, number, data) == precompiles.INVALID_INPUT


@pytest.mark.parametrize("name", [*SUCCEEDS, *(f"fails: {name}" for name in FAILS)])
def test_too_little_gas_halts(provers: Provers, name: str) -> None:
    number, data = FAILS[name[7:]] if name.startswith("fails: ") else SUCCEEDS[name]
    left = by_engine(number, data, PLENTY)
    needed = PLENTY - left[0] if left else 1
    if needed:
        assert judge(provers, number, data, needed - 1) in (precompiles.INVALID_INPUT, "out of gas")
    if left:
        assert judge(provers, number, data, needed) == ""
        assert not needed or judge(provers, number, data, needed - 1) == "out of gas"


@pytest.mark.parametrize("name", OVER)
def test_input_over_the_cap_halts_where_the_chain_has_caps(provers: Provers, name: str) -> None:
    number, data = OVER[name]
    assert judge(provers, number, data) == precompiles.OVER_THE_CAP
    assert judge(provers, number, data, capped=False) == ""


LENGTHS = (0, 1, 31, 32, 33, 1_024, 1_025, 2**32, 2**64 - 1, 2**64, 2**128, 2**255, 2**256 - 96, 2**256 - 1)


@pytest.mark.parametrize("capped", [True, False])
def test_modexp_of_absurd_lengths(provers: Provers, capped: bool) -> None:
    some = random.Random(5)
    cases = [(base, exponent, modulus) for base in LENGTHS for exponent in LENGTHS for modulus in LENGTHS]
    for base, exponent, modulus in some.sample(cases, 300):
        data = sizes(base, exponent, modulus) + some.choice([b"", b"\xff" * 40, bytes(100)])
        gas = some.choice([0, 199, 200, 1_000, 100_000])
        judge(provers, MODEXP, data, gas, capped)


def test_modexps_gas_is_the_engines() -> None:
    """As far as anyone has gas: the engine's is rounded for lengths beyond 2^53."""
    some = random.Random(6)
    for _ in range(2_000):
        base, exponent, modulus = (some.choice([*LENGTHS, some.randrange(2_000)]) for _ in range(3))
        head = some.getrandbits(some.randrange(257)).to_bytes(32, "big")
        if base > 100:
            base, head = some.choice([base, 0, 3]), bytes(32)
        data = sizes(base, exponent, modulus) + (bytes(base) if base <= 100 else b"") + head
        first = int.from_bytes(head[: min(exponent, 32)], "big") if base <= 100 else 0
        assert min(modexp_gas(base, exponent, modulus, first), 2**96) == min(
            _compute_modexp_gas_fee_eip_2565(data), 2**96
        )


@pytest.mark.parametrize("seed", range(8))
def test_random_inputs(provers: Provers, seed: int) -> None:
    some = random.Random(seed)
    for _ in range(30):
        number = some.randrange(1, 11)
        data = bytearray(some.choice([case for of, case in (*SUCCEEDS.values(), *FAILS.values()) if of == number]))
        if number == PAIRING:
            del data[960:]
        if data and some.random() < 0.6 and number != BLAKE2F:
            data[some.randrange(min(len(data), 300))] ^= 1 << some.randrange(8)
        if some.random() < 0.2:
            del data[some.randrange(len(data) + 1) :]
        gas = some.choice([PLENTY, 200_000, 5_000, 100, 0])
        judge(provers, number, bytes(data), gas, some.random() < 0.8, some.randrange(70))


# -- rigidity


def _prove(number: int, data: bytes, gas: int = PLENTY) -> Proven:
    return prove(machine(number, data, gas), Prover.PRECOMPILES, run)


@pytest.mark.parametrize("case", [*SUCCEEDS.items(), *FAILS.items(), *OVER.items()], ids=lambda case: case[0])
def test_no_damaged_witness_gives_the_right_hash(provers: Provers, case: tuple[str, tuple[int, bytes]]) -> None:
    proven = _prove(*case[1])
    done = provers.damage(proven, 1 if len(proven.witness) < 2_500 else max(7, len(proven.witness) // 150))
    assert done.reverted > 100 and not done.other


def test_no_damaged_witness_of_a_call_without_gas_gives_the_right_hash(provers: Provers) -> None:
    done = provers.damage(_prove(SHA256, b"abc", 10))
    assert done.reverted > 1_000 and not done.other


@pytest.mark.parametrize("culprit", [0, 1, 2, 4, 5, 2**32 - 1])
def test_a_pairing_is_refused_with_another_culprit(provers: Provers, culprit: int) -> None:
    """Pair 3 of 4 is invalid. Another cannot be named, nor none."""
    data = (G1 + G2) * 2 + OFF_CURVE + G2 + G1 + G2
    proven = _prove(PAIRING, data)
    given = slice_of(data)
    at, count = (0, len(data)) if culprit == 0 else (192 * (culprit - 1), 192)
    tape = proven.witness[1 : -_range_length(given.tree, 37 + 192 * 2, 192) - 4] + culprit.to_bytes(4, "big")
    if at + count <= len(data):
        tape += _range(given.tree, 37 + at, count)
    with pytest.raises(Reverted):
        provers.verify(Prover.PRECOMPILES, proven.before, tape)


def test_a_valid_pairing_has_no_culprit(provers: Provers) -> None:
    data = G1 + G2 + MINUS_G1 + G2
    proven = _prove(PAIRING, data)
    given = slice_of(data)
    head = proven.witness[1 : -_range_length(given.tree, 37, len(data)) - 4]
    for culprit in (1, 2, 3):
        at = 192 * (culprit - 1)
        tape = head + culprit.to_bytes(4, "big") + (_range(given.tree, 37 + at, 192) if culprit < 3 else b"")
        with pytest.raises(Reverted):
            provers.verify(Prover.PRECOMPILES, proven.before, tape)


def _range(tree: WordTree | None, offset: int, count: int) -> bytes:
    assert tree is not None
    tape = Tape()
    tape.bytes(tree, offset, count)
    return bytes(tape.data)


def _range_length(tree: WordTree | None, offset: int, count: int) -> int:
    return len(_range(tree, offset, count))


STARVED = [
    *((name, SUCCEEDS[name]) for name in SUCCEEDS if "," not in name),
    *((name, SUCCEEDS[name]) for name in ("sha256, 200", "ripemd160, 65536", "modexp, wide", "pairing, one")),
    *((name, SUCCEEDS[name]) for name in ("pairing, largest", "blake2f, largest", "ecrecover, no key")),
    *((f"fails: {name}", FAILS[name]) for name in FAILS if "length" not in name),
]


@pytest.mark.parametrize("case", STARVED, ids=lambda case: case[0])
def test_want_of_gas_never_gives_another_hash(provers: Provers, case: tuple[str, tuple[int, bytes]]) -> None:
    proven = _prove(*case[1])
    assert provers.starve(proven, 120) > 100


@pytest.mark.parametrize("case", [case for case in STARVED if "largest" not in case[0]], ids=lambda case: case[0])
def test_at_the_edge_of_enough_gas_the_hash_is_right(provers: Provers, case: tuple[str, tuple[int, bytes]]) -> None:
    """Closely around the least gas that is enough, and around what the calls themselves take."""
    proven = _prove(*case[1])

    def judged(gas: int) -> bool:
        try:
            answer = provers.verify(Prover.PRECOMPILES, proven.before, proven.witness[1:], gas)
        except Reverted:
            return False
        assert answer == proven.after
        return True

    low, high = 0, GAS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if judged(middle) else (middle, high)
    for gas in [*range(max(high - 3_000, 0), high + 1_500, 37), *range(max(high - 120_000, 0), high, 1_001)]:
        assert judged(gas) == (gas >= high)


@pytest.mark.parametrize(
    "case",
    [(ECADD, G1 + OFF_CURVE), (ECMUL, OFF_CURVE + word(2)), (PAIRING, OFF_CURVE + G2), (POINT_EVALUATION, POINT)],
)
def test_no_call_that_may_fail_is_made_with_little_gas(provers: Provers, case: tuple[int, bytes]) -> None:
    proven = _prove(*case)
    for gas in (200_000, 500_000, 1_000_000):
        with pytest.raises(Reverted, match="NotEnoughGas"):
            provers.verify(Prover.PRECOMPILES, proven.before, proven.witness[1:], gas)


def test_a_valid_pair_is_no_culprit_for_want_of_gas(provers: Provers) -> None:
    data = G1 + G2
    proven = _prove(PAIRING, data)
    given = slice_of(data).tree
    tape = proven.witness[1 : -_range_length(given, 37, 192) - 4] + (1).to_bytes(4, "big") + _range(given, 37, 192)
    for gas in [*range(50_000, 1_200_000, 2_003), GAS]:
        with pytest.raises(Reverted):
            provers.verify(Prover.PRECOMPILES, proven.before, tape, gas)


def test_another_mode_is_refused(provers: Provers) -> None:
    proven = _prove(SHA256, b"abc")
    for mode in Mode:
        if mode != Mode.PRECOMPILE:
            m = machine(SHA256, b"abc")
            m.mode = mode
            with pytest.raises(Reverted, match="WrongMode"):
                provers.verify(Prover.PRECOMPILES, m.hash(), m.words() + proven.witness[1 + 7 * 32 :])


def test_identity_gives_the_very_slice() -> None:
    m = machine(IDENTITY, b"abc")
    assert m.frame is not None
    given = m.frame.input
    prove(m, Prover.PRECOMPILES, run)
    assert isinstance(m.aux, Exit) and m.aux.output is given
    empty = machine(IDENTITY, b"")
    prove(empty, Prover.PRECOMPILES, run)
    assert isinstance(empty.aux, Exit) and empty.aux.output == EMPTY_SLICE


@pytest.mark.parametrize("case", [*SUCCEEDS.items(), *FAILS.items(), *OVER.items()], ids=lambda case: case[0])
def test_every_proof_fits_in_one_transaction(provers: Provers, case: tuple[str, tuple[int, bytes]]) -> None:
    assert provers.gas(_prove(*case[1])) < 6_000_000
