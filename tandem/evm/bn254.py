"""The precompiles of alt_bn128 (EIP-196, EIP-197; gas EIP-1108), computed by revm in process (pyrevm).

py-evm's are pure Python: a pairing of two points takes two seconds there and 6 ms here, and what costs 113,000 gas must
not stop a sequencer for seconds. tests/unit/evm compares the two. Gas and the chain's caps stay ours.
"""

from pyrevm import EVM

from tandem.evm.frame import Frame
from tandem.evm.outcome import PrecompileFailure

ADD_GAS, MUL_GAS, PAIRING_BASE_GAS, PAIRING_POINT_GAS = 150, 6_000, 45_000, 34_000
PAIR_BYTES = 192
ENOUGH_GAS = 1 << 40
"""For revm, which must never be the one to run out."""
CALLER = "0x" + "00" * 19 + "ff"


def ec_add(frame: Frame) -> None:
    """0x06: sum of two points."""
    frame.consume_gas(ADD_GAS, "ECADD")
    frame.output = _call(6, frame.msg.data[:128])


def ec_mul(frame: Frame) -> None:
    """0x07: a point times a scalar."""
    frame.consume_gas(MUL_GAS, "ECMUL")
    frame.output = _call(7, frame.msg.data[:96])


def ec_pairing(frame: Frame) -> None:
    """0x08: whether the product of the pairings is one."""
    data = frame.msg.data
    frame.consume_gas(PAIRING_BASE_GAS + PAIRING_POINT_GAS * (len(data) // PAIR_BYTES), "ECPAIRING")
    if len(data) % PAIR_BYTES:
        raise PrecompileFailure(f"a pairing takes a multiple of {PAIR_BYTES} bytes")
    frame.output = _call(8, data)


def _call(number: int, data: bytes) -> bytes:
    try:
        return bytes(EVM().message_call(caller=CALLER, to=f"0x{number:040x}", calldata=bytes(data), gas=ENOUGH_GAS))
    except RuntimeError as error:
        if "PrecompileError" not in str(error):
            raise
        raise PrecompileFailure("no points of the curve, or not in the subgroup") from error
