"""Moves with all that their calls need (IDisputeGame.sol), and what is due before it is worked out."""

from dataclasses import dataclass

from tandem.disputes.edges import Edge, Level, Opening, Path
from tandem.primitives.types import Hash


@dataclass(frozen=True, slots=True)
class Due:
    """An own edge that needs its party's answer: a bisection, at level 0's leaves an opening, at level 1's a proof."""

    edge: Edge
    leaf: int | None
    """The level-0 leaf whose steps the answer is made from; None where level 0 suffices."""

    @property
    def opens_steps(self) -> bool:
        """Whether the answer stakes a bond on level 1: to be re-executed on the stepper before."""
        return self.edge.level == Level.TRACE and self.edge.height == 0

    @property
    def proves(self) -> bool:
        """Whether the answer is a proof."""
        return self.edge.level == Level.STEPS and self.edge.height == 0

    def describe(self) -> str:
        """One line."""
        verb = "bisect" if self.edge.height else "open" if self.opens_steps else "prove"
        under = "" if self.leaf is None or self.opens_steps else f" under leaf {self.leaf}"
        return f"{verb} {where(self.edge)}{under}"


@dataclass(frozen=True, slots=True)
class Bisect:
    """bisect"""

    edge: Edge
    left: Hash
    right: Hash

    def describe(self) -> str:
        """One line."""
        return f"bisect {where(self.edge)}"


@dataclass(frozen=True, slots=True)
class OpenSteps:
    """openSteps"""

    leaf: Edge
    opening: Opening
    root: Hash
    end_proof: tuple[Hash, ...]

    def describe(self) -> str:
        """One line."""
        return f"open the steps to {where(self.leaf)}: root {short(self.root)}"


@dataclass(frozen=True, slots=True)
class Prove:
    """prove"""

    edge: Edge
    opening: Opening
    witness: bytes

    def describe(self) -> str:
        """One line."""
        return f"prove {where(self.edge)} by a witness of {len(self.witness)} bytes"


@dataclass(frozen=True, slots=True)
class Lift:
    """Timers to be brought up a way."""

    top: Edge
    path: Path
    step_roots: tuple[Edge, ...] = ()
    """At most one: the level-1 root whose timer its end inherits first."""

    def describe(self) -> str:
        """One line."""
        given = f", {len(self.step_roots)} level-1 root" if self.step_roots else ""
        return f"{where(self.top)} from {_end(self.top, self.path)}{given}"


@dataclass(frozen=True, slots=True)
class Update:
    """update"""

    lifts: tuple[Lift, ...]

    def describe(self) -> str:
        """One line."""
        before = f"{len(self.lifts) - 1} ways, then " if len(self.lifts) > 1 else ""
        return f"update {before}{self.lifts[-1].describe()}"


@dataclass(frozen=True, slots=True)
class SettleSteps:
    """settleSteps"""

    root: Edge
    losers: tuple[Hash, ...]

    def describe(self) -> str:
        """One line."""
        return f"settle the bond of {where(self.root)} and of {len(self.losers)} that lost to it"


@dataclass(frozen=True, slots=True)
class RefundTrace:
    """refundTrace"""

    assertion: Hash
    root: Edge
    path: Path

    def describe(self) -> str:
        """One line."""
        return f"refund moves of assertion {short(self.assertion)} down to {_end(self.root, self.path)}"


@dataclass(frozen=True, slots=True)
class RefundSteps:
    """refundSteps"""

    root: Edge
    path: Path

    def describe(self) -> str:
        """One line."""
        return f"refund moves of {where(self.root)} down to {_end(self.root, self.path)}"


Answer = Bisect | OpenSteps | Prove
Move = Answer | Update | SettleSteps | RefundTrace | RefundSteps


def where(edge: Edge) -> str:
    """What an edge is about, for who reads logs."""
    return f"level {edge.level} height {edge.height} index {edge.index} root {short(edge.root)}"


def short(digest: bytes) -> str:
    """The first bytes of a hash."""
    return f"0x{digest[:4].hex()}"


def _end(top: Edge, path: Path) -> str:
    return f"height {top.height - len(path.siblings)} index {path.index}"
