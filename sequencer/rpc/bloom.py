"""The 2,048-bit bloom of logs (yellow paper, 4.3.1). Tandem's blocks have none: it is made for clients that look at it.

A bloom is an int here; 3 bits for an address or topic, from its keccak.
"""

from collections.abc import Iterable
from functools import lru_cache

from sequencer.rpc.params import LogCriteria
from tandem.evm.receipt import Log
from tandem.primitives.hashing import keccak

BLOOM_BYTES = 256


@lru_cache(maxsize=1 << 16)
def bits(item: bytes) -> int:
    """The three bits of an address or topic."""
    digest = keccak(item)
    return (
        1 << (int.from_bytes(digest[0:2], "big") & 2047)
        | 1 << (int.from_bytes(digest[2:4], "big") & 2047)
        | 1 << (int.from_bytes(digest[4:6], "big") & 2047)
    )


def bloom(logs: Iterable[Log]) -> int:
    """The bloom of some logs."""
    result = 0
    for log in logs:
        result |= bits(log.address)
        for topic in log.topics:
            result |= bits(topic)
    return result


def may_match(block_bloom: int, criteria: LogCriteria) -> bool:
    """False only where no log of the block can match."""
    groups = [criteria.addresses] if criteria.addresses else []
    for group in (*groups, *(topics for topics in criteria.topics if topics)):
        if not any(block_bloom & wanted == wanted for wanted in map(bits, group)):
            return False
    return True
