"""The block that transactions execute in."""

from collections.abc import Callable
from dataclasses import dataclass

from tandem.primitives.types import ZERO_HASH, Address, Gas, Hash, Seconds, Wei


def no_block_hash(_number: int) -> Hash:
    """A chain without ancestors: zero for every number."""
    return ZERO_HASH


@dataclass(frozen=True, slots=True)
class BlockContext:
    """What BLOCKHASH, COINBASE, TIMESTAMP and their kin see, and what fees are computed from."""

    number: int
    timestamp: Seconds
    coinbase: Address
    prev_randao: Hash
    base_fee: Wei
    gas_limit: Gas
    l1_base_fee: Wei = Wei(0)
    """Base fee of the L1 block that the header names: the price of data."""
    block_hash: Callable[[int], Hash] = no_block_hash
    """Hash of a block by number; asked only for the 256 blocks before this one."""
    blob_base_fee: Wei = Wei(1)
    """What BLOBBASEFEE pushes. L2 blocks carry no blobs, so it stays at EIP-4844's minimum of 1 wei."""
