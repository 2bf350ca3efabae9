"""The base fee rule: EIP-1559 with the chain's elasticity, denominator and floor (protocol.md, section 2)."""

from tandem.chain.header import Header
from tandem.chain.spec import ChainParameters
from tandem.primitives.types import Wei


def next_base_fee(parent: Header, parameters: ChainParameters) -> Wei:
    """The base fee of the block after `parent`, in wei a gas."""
    target = parent.gas_limit // parameters.elasticity
    used = min(parent.gas_used, parent.gas_limit)
    if used == target:
        return parent.base_fee
    change = parent.base_fee * abs(used - target) // target // parameters.base_fee_denominator
    if used > target:
        return Wei(parent.base_fee + max(change, 1))
    return Wei(max(parent.base_fee - change, parameters.min_base_fee))
