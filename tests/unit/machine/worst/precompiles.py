"""The dearest forms of PRECOMPILE."""

from collections.abc import Callable

from tandem.machine import (
    precompiles,
)
from tandem.machine.modes import Mode, Prover
from tandem.machine.structures import (
    Precompile,
)
from tandem.machine.word_tree import Slice, WordTree
from tandem.primitives.hashing import word
from tests.unit.machine import test_precompiles
from tests.unit.machine.costs import (
    crowded_tree,
    noise,
    usual,
)
from tests.unit.machine.on_inbox import OneChain
from tests.unit.machine.worst.case import MAX_HASHED, MEMORY_WORDS, Numbers, Step, Worst


def precompile(
    number: int, data: Callable[[Numbers], bytes], space: dict[str, tuple[int, int]], known: tuple[Numbers, ...] = ()
) -> Worst:
    """One of the ten, its input amid a full tree."""

    def build(_: OneChain, numbers: Numbers) -> Step:
        given, offset = data(numbers), numbers["offset"]
        source = crowded_tree(given, offset, max(numbers["memory words"], (offset + len(given) + 31) // 32))
        view = Slice.of(source, offset, len(given))
        m = usual(b"", at=0, mode=Mode.PRECOMPILE, calldata=view, memory=WordTree(), gas=16_000_000)
        m.aux = Precompile(number)
        return m, Prover.PRECOMPILES, precompiles.run

    place = {"offset": 1 << 20, "memory words": MEMORY_WORDS}
    ranges = {name: (0, value) for name, value in place.items()}
    return Worst(space | ranges, build, tuple(numbers | place for numbers in known))


def modexp_input(numbers: Numbers) -> bytes:
    """Operands without a zero byte, and an exponent of as many bits as the cap on gas allows, less some."""
    base, modulus = numbers["base"], numbers["modulus"]
    longest = max(base, modulus) + 7 >> 3
    bits = min(3 * precompiles.CAPS.modexp_gas // longest**2, 8 * numbers["exponent"]) - numbers["fewer bits"]
    exponent = b"\1" + noise(max(bits, 0) // 8)
    while longest and precompiles.modexp_gas(base, len(exponent), modulus, top(exponent)) > precompiles.CAPS.modexp_gas:
        exponent = exponent[:-1] if exponent[0] == 1 else bytes([exponent[0] >> 1]) + exponent[1:]
    return test_precompiles.operands(noise(base, 3), exponent, noise(modulus, 4))


def top(exponent: bytes) -> int:
    """The part of an exponent whose bits gas hangs on."""
    return int.from_bytes(exponent[:32], "big")


def pairing_input(numbers: Numbers) -> bytes:
    """Pairs of points; the culprit, if there is one, is not on the curve."""
    pairs = [test_precompiles.G1 + test_precompiles.G2] * numbers["pairs"]
    if 0 < numbers["culprit"] <= len(pairs):
        pairs[numbers["culprit"] - 1] = test_precompiles.OFF_CURVE + test_precompiles.G2
    return b"".join(pairs)


def either(good: bytes, bad: bytes) -> Callable[[Numbers], bytes]:
    """Valid input or invalid: an attempt that fails burns all gas it was given."""
    return lambda numbers: bad if numbers["invalid"] else good


def precompile_cases() -> dict[str, Worst]:
    known = test_precompiles
    invalid = {"invalid": (0, 1)}
    point = known.POINT
    return {
        "ecrecover": precompile(
            1, either(known.signature(), known.signature()[:32] + word(29) + known.signature()[64:]), invalid
        ),
        "sha256": precompile(2, lambda numbers: noise(numbers["size"]), {"size": (0, MAX_HASHED)}),
        "ripemd160": precompile(3, lambda numbers: noise(numbers["size"]), {"size": (0, MAX_HASHED)}),
        "identity": precompile(4, lambda numbers: noise(numbers["size"]), {"size": (0, MAX_HASHED)}),
        "modexp": precompile(
            5,
            modexp_input,
            {"base": (1, 1_024), "exponent": (1, 1_023), "modulus": (1, 1_024), "fewer bits": (0, 300)},
            ({"base": 128, "exponent": 1_023, "modulus": 128, "fewer bits": 0},),
        ),
        "ecadd": precompile(6, either(known.G1 + known.MINUS_G1, known.G1 + known.OFF_CURVE), invalid),
        "ecmul": precompile(7, either(known.G1 + word(2**256 - 1), known.OFF_CURVE + word(2)), invalid),
        "pairing": precompile(
            8, pairing_input, {"pairs": (0, 150), "culprit": (0, 150)}, ({"pairs": 150, "culprit": 0},)
        ),
        "blake2f": precompile(9, lambda numbers: known.rounds(numbers["rounds"]), {"rounds": (0, 65_536)}),
        "point evaluation": precompile(10, either(point, point[:95] + b"\x01" + point[96:]), invalid),
    }
