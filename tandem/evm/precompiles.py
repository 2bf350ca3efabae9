"""The precompiles: py-evm's functions, with its gaps closed, its slow ones replaced, and the chain's caps before them.

A precompile reads `frame.msg.data`, consumes gas and sets `frame.output`, or raises a VMError.
"""

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Any

import ckzg
from coincurve import PublicKey
from Crypto.Hash import RIPEMD160
from eth.precompiles.point_evaluation import TRUSTED_SETUP_PATH
from eth.vm.forks.berlin.computation import _compute_modexp_gas_fee_eip_2565 as modexp_gas
from eth.vm.forks.cancun.computation import CANCUN_PRECOMPILES
from eth.vm.forks.prague.computation import PRAGUE_PRECOMPILES

from tandem.evm.bn254 import ec_add, ec_mul, ec_pairing
from tandem.evm.frame import Frame
from tandem.evm.outcome import PrecompileFailure
from tandem.evm.rules import Fork, PrecompileCaps
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import ORDER

Precompile = Callable[[Frame], Any]

ECRECOVER_GAS, POINT_EVALUATION_GAS = 3_000, 50_000
BLS_MODULUS = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
"""EIP-4844: order of BLS12-381's scalar field."""
FIELD_ELEMENTS_PER_BLOB = 4_096


def at(number: int) -> bytes:
    """The address of a precompile."""
    return number.to_bytes(20, "big")


def ecrecover(frame: Frame) -> None:
    """0x01: the signer, left-padded; no bytes where no key fits. Any s is taken, high or low."""
    frame.consume_gas(ECRECOVER_GAS, "ECRECOVER")
    data = frame.msg.data.ljust(128, b"\0")
    v = int.from_bytes(data[32:64], "big")
    r, s = int.from_bytes(data[64:96], "big"), int.from_bytes(data[96:128], "big")
    if v not in (27, 28) or not 0 < r < ORDER or not 0 < s < ORDER:
        return
    try:
        key = PublicKey.from_signature_and_message(data[64:128] + bytes([v - 27]), data[:32], hasher=None)
    except Exception:  # noqa: BLE001 - coincurve raises a bare Exception where no point fits
        return
    frame.output = bytes(12) + keccak(key.format(compressed=False)[1:])[12:]


def ripemd160(frame: Frame) -> None:
    """0x03. py-evm asks OpenSSL, whose third version leaves this hash out by default."""
    data = frame.msg.data
    frame.consume_gas(600 + 120 * ((len(data) + 31) >> 5), "RIPEMD160")
    frame.output = bytes(12) + RIPEMD160.new(data).digest()


def modexp(frame: Frame) -> None:
    """0x05 with EIP-2565's gas. An empty base counts as zero, and 0^0 is 1: py-evm gives 0 there."""
    data = frame.msg.data
    frame.consume_gas(modexp_gas(data), "MODEXP")
    base_size, exponent_size, modulus_size = _lengths(data)
    if not modulus_size:
        return
    exponent_at = 96 + base_size
    modulus_at = exponent_at + exponent_size
    base = _operand(data, 96, base_size)
    exponent = _operand(data, exponent_at, exponent_size)
    modulus = _operand(data, modulus_at, modulus_size)
    frame.output = (pow(base, exponent, modulus) if modulus else 0).to_bytes(modulus_size, "big")


def _lengths(data: bytes) -> tuple[int, int, int]:
    header = data[:96].ljust(96, b"\0")
    return (
        int.from_bytes(header[:32], "big"),
        int.from_bytes(header[32:64], "big"),
        int.from_bytes(header[64:], "big"),
    )


def _operand(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size].ljust(size, b"\0"), "big")


def point_evaluation(frame: Frame) -> None:
    """0x0a (EIP-4844). py-evm's reads the trusted setup, 2.7 s, at every call."""
    frame.consume_gas(POINT_EVALUATION_GAS, "point evaluation")
    data = frame.msg.data
    if len(data) != 192:
        raise PrecompileFailure("point evaluation takes 192 bytes")
    commitment, proof = data[96:144], data[144:192]
    if b"\x01" + sha256(commitment).digest()[1:] != data[:32]:
        raise PrecompileFailure("the commitment does not match the versioned hash")
    try:
        valid = ckzg.verify_kzg_proof(commitment, data[32:64], data[64:96], proof, _trusted_setup())
    except RuntimeError as error:  # a field element or point that is none
        raise PrecompileFailure("malformed point evaluation") from error
    if not valid:
        raise PrecompileFailure("the proof does not hold")
    frame.output = FIELD_ELEMENTS_PER_BLOB.to_bytes(32, "big") + BLS_MODULUS.to_bytes(32, "big")


@lru_cache(maxsize=1)
def _trusted_setup() -> Any:
    return ckzg.load_trusted_setup(TRUSTED_SETUP_PATH, 0)


def precompiles(fork: Fork, caps: PrecompileCaps | None) -> dict[bytes, Precompile]:
    """The fork's precompiles by address, each behind the chain's cap."""
    table: dict[bytes, Precompile] = dict(PRAGUE_PRECOMPILES if fork.bls_precompiles else CANCUN_PRECOMPILES)
    table[at(1)] = ecrecover
    table[at(3)] = ripemd160
    table[at(5)] = modexp
    table[at(6)], table[at(7)], table[at(8)] = ec_add, ec_mul, ec_pairing
    table[at(10)] = point_evaluation
    if caps is None:
        return table
    bytes_allowed = {2: caps.sha256, 3: caps.ripemd160, 8: caps.pairing}
    bytes_allowed.update({number: caps.bls for number in (0x0C, 0x0E, 0x0F) if fork.bls_precompiles})
    for number, limit in bytes_allowed.items():
        table[at(number)] = _capped(table[at(number)], len, limit)
    affordable = _capped(modexp, modexp_gas, caps.modexp_gas)
    table[at(5)] = _capped(affordable, lambda data: max(_lengths(data)), caps.modexp_operand)
    table[at(9)] = _capped(table[at(9)], lambda data: int.from_bytes(data[:4], "big"), caps.blake2_rounds)
    return table


def _capped(precompile: Precompile, measure: Callable[[bytes], int], limit: int) -> Precompile:
    def capped(frame: Frame) -> None:
        if measure(frame.msg.data) > limit:
            raise PrecompileFailure(f"the input measures {measure(frame.msg.data)}, the chain allows {limit}")
        precompile(frame)

    return capped
