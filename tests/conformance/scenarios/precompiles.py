"""The ten precompiles: good input, bad input, more than the chain takes, too little gas."""

from hashlib import sha256

from coincurve import PrivateKey

from tandem.evm.rules import PrecompileCaps
from tandem.machine.precompiles import (
    BLAKE2F,
    ECADD,
    ECMUL,
    ECRECOVER,
    IDENTITY,
    MODEXP,
    PAIR,
    PAIRING,
    POINT_EVALUATION,
    RIPEMD160,
    SHA256,
)
from tandem.primitives.hashing import keccak, word
from tests.conformance.scenarios.stage import Stage
from tests.support.assembler import assemble, call, store

CAPS = PrecompileCaps()
FIELD = 0x30644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD47
G1, MINUS_G1, NO_POINT = word(1) + word(2), word(1) + word(FIELD - 2), word(1) + word(3)
G2 = bytes.fromhex(
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
)
INFINITY = b"\xc0" + bytes(47)
"""Of BLS12-381: a commitment to the polynomial 0, and its proof everywhere."""
POINT = b"\x01" + sha256(INFINITY).digest()[1:] + word(5) + word(0) + INFINITY + INFINITY
PLENTY = 1_000_000
"""Gas enough for any input here."""


def _signature() -> bytes:
    message = keccak(b"message")
    signed = PrivateKey(b"\x11" * 32).sign_recoverable(message, hasher=None)
    return message + word(27 + signed[64]) + signed[:64]


def _blake(rounds: int, final: int = 1) -> bytes:
    return rounds.to_bytes(4, "big") + b"\x5a" * 208 + bytes([final])


def _lengths(base: int, exponent: int, modulus: int) -> bytes:
    return word(base) + word(exponent) + word(modulus)


GOOD = [
    (ECRECOVER, _signature()),
    (ECRECOVER, b""),
    (SHA256, b"\x01" * 70),
    (RIPEMD160, b"\x01" * 70),
    (IDENTITY, b"\x01" * 70),
    (MODEXP, _lengths(1, 2, 3) + bytes.fromhex("030aff7fab11")),
    (ECADD, G1 + G1),
    (ECMUL, G1 + word(2**256 - 1)),
    (PAIRING, G1 + G2 + MINUS_G1 + G2),
    (BLAKE2F, _blake(12)),
    (POINT_EVALUATION, POINT),
]
BAD = [
    (ECADD, G1 + NO_POINT),
    (ECMUL, NO_POINT + word(2)),
    (PAIRING, G1 + G2 + NO_POINT + G2),
    (PAIRING, G1),
    (BLAKE2F, _blake(12, 2)),
    (BLAKE2F, b"\x01"),
    (POINT_EVALUATION, POINT[:64] + word(1) + POINT[96:]),
    (POINT_EVALUATION, POINT[:-1]),
    (MODEXP, _lengths(CAPS.modexp_operand + 1, 1, 1)),
    (MODEXP, _lengths(1_024, 1_024, 1_024) + b"\xff" * 1_100),
    (BLAKE2F, _blake(CAPS.blake2_rounds + 1)),
]
MEMORY = [
    (SHA256, CAPS.sha256),
    (SHA256, CAPS.sha256 + 1),
    (RIPEMD160, CAPS.ripemd160 + 1),
    (PAIRING, 4 * PAIR),
    (PAIRING, CAPS.pairing + PAIR),
]
"""Lengths of input that is nothing but zeros."""


def precompiles(stage: Stage) -> None:
    """Each in a contract of its own, with all the gas it wants."""
    code = b"".join(
        call(stage.contract(store(data) + call(number, data=(0, len(data)), output=(7, 33), gas=PLENTY)))
        for number, data in GOOD + BAD
    )
    code += b"".join(
        call(stage.contract(call(number, data=(0, size), output=(0, 32), gas=PLENTY))) for number, size in MEMORY
    )
    stage.send(stage.contract(code))


def starved_precompiles(stage: Stage) -> None:
    """Each with less gas than it takes."""
    stage.send(
        stage.contract(
            b"".join(
                call(stage.contract(store(data) + call(number, data=(0, len(data)), gas=9) + assemble("STOP")))
                for number, data in GOOD
            )
        )
    )
