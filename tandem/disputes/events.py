"""What the dispute game's contract tells: its events, as far as they matter to who plays (IDisputeGame.sol)."""

from dataclasses import dataclass

from tandem.disputes.edges import Edge
from tandem.primitives.types import Address, Hash


@dataclass(frozen=True, slots=True)
class Opened:
    """EdgeOpened: the root of a trace was claimed."""

    edge: Edge
    claim: Hash
    """Id of the level-0 leaf that it claims to end in; zero at level 0."""
    mover: Address
    at: int
    """L1 block's time, seconds."""


@dataclass(frozen=True, slots=True)
class Bisected:
    """EdgeBisected: an edge has its two children."""

    edge_id: Hash
    left: Hash
    right: Hash
    at: int
    """L1 block's time, seconds."""


@dataclass(frozen=True, slots=True)
class Proven:
    """EdgeProven: a leaf of level 1."""

    edge_id: Hash
    mover: Address


@dataclass(frozen=True, slots=True)
class Inherited:
    """TimerInherited: what an edge has from below."""

    edge_id: Hash
    seconds: int


@dataclass(frozen=True, slots=True)
class StepRootWon:
    """A level-1 root has its bond back."""

    place: Hash
    id: Hash


@dataclass(frozen=True, slots=True)
class StepRootLost:
    """A level-1 root has lost its bond to the pool."""

    place: Hash
    id: Hash


Event = Opened | Bisected | Proven | Inherited | StepRootWon | StepRootLost
