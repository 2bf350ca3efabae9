"""The base fee rule: EIP-1559 with the chain's elasticity, denominator and floor (protocol.md, section 2)."""

from tandem.chain.header import Header
from tandem.chain.spec import ChainParameters
from tandem.primitives.types import Wei

MAX_BASE_FEE = 2**64 - 1
"""Wei a gas. No one can pay it; it keeps every product of fee and gas within 256 bits."""


def next_base_fee(parent: Header, parameters: ChainParameters) -> Wei:
    """The base fee of the block after `parent`, in wei a gas."""
    target = parent.gas_limit // parameters.elasticity
    used = parent.gas_used
    if used == target:
        return parent.base_fee
    change = parent.base_fee * abs(used - target) // target // parameters.base_fee_denominator
    if used > target:
        return Wei(min(parent.base_fee + max(change, 1), MAX_BASE_FEE))
    return Wei(max(parent.base_fee - change, parameters.min_base_fee))
