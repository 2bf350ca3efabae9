"""Assertions as contracts/rollup/Rollup.sol hashes them (protocol.md, section 7)."""

from dataclasses import dataclass
from enum import IntEnum

from tandem.chain.header import Header
from tandem.primitives.hashing import keccak, word
from tandem.primitives.types import Hash
from tandem.rollup.trace_tree import TraceTree
from tandem.state.account import Account
from tandem.state.proof import Proof

TRACE_DEPTH = 20
"""Level-0 trees have 2^20 leaves: 64 batches of at most 2^14 states each. A batch has 8,192 items at most, a block
counting as two (its beginning and its end), 1,024 messages, 1,024 forced blocks for them, its loading and its end:
11,266 states."""


class Status(IntEnum):
    """IRollup.Status."""

    NONE = 0
    PENDING = 1
    CONFIRMED = 2
    REJECTED = 3


@dataclass(frozen=True, slots=True)
class State:
    """The chain's state after some batches."""

    block_hash: Hash
    state_root: Hash
    withdrawal_root: Hash
    batches: int
    messages: int

    def hash(self) -> Hash:
        """stateHash."""
        words = self.block_hash + self.state_root + self.withdrawal_root
        return keccak(words + word(self.batches) + word(self.messages))


@dataclass(frozen=True, slots=True)
class Opening:
    """All that an assertion's id commits to."""

    parent_id: Hash
    state: State
    trace_root: Hash
    inbox_acc: Hash

    def id(self) -> Hash:
        """assertionId."""
        return keccak(self.parent_id + self.state.hash() + self.trace_root + self.inbox_acc)


@dataclass(frozen=True, slots=True)
class Commitment:
    """What an assertion says of its trace, and what L1 asks to be shown of it."""

    root: Hash
    end_proof: tuple[Hash, ...]
    """Siblings of the last leaf, lowest first."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An assertion with what L1 checks when it is made."""

    opening: Opening
    header: Header
    message_passer: Account
    proof: Proof
    end_proof: tuple[Hash, ...]


def commitment(trace: TraceTree) -> Commitment:
    """To that trace."""
    return Commitment(trace.root, trace.proof((1 << trace.depth) - 1))
