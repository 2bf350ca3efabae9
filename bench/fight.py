"""What a fight between liars and the challenger came to."""

from dataclasses import dataclass
from statistics import quantiles

from bench.replies import Reply


@dataclass(frozen=True, slots=True)
class Fight:
    """How the challenger stood against one or more false roots."""

    false_roots: int
    leaves: int
    """Of level 0 that were lied about."""
    step: int
    """The last step of level 1 that was lied about."""
    replies: tuple[Reply, ...]
    """The challenger's moves."""
    seconds: float
    """From the first false root to the challenger's last move."""
    cpu_seconds: float
    """Of the challenger's process until then, looking at L1 included: nearly the same on a busy machine."""
    calls: int
    """All that the challenger sent to L1, with what decides and settles."""
    gas: int
    paid: int
    """Wei for that gas."""
    gained: int
    """Wei in the end, by bonds and refunds less what was paid."""
    peak_memory: int
    """Bytes of the challenger at most, of any kind."""

    @property
    def bisections(self) -> list[float]:
        """Seconds of the replies that need nothing worked out, the shortest first."""
        return sorted(reply.seconds for reply in self.replies if reply.kind == "bisect")

    def percentile(self, percent: int) -> float:
        """Of the bisections, seconds."""
        return quantiles(self.bisections, n=100, method="inclusive")[percent - 1]

    def longest(self, kind: str) -> float:
        """Seconds of the slowest move of a kind."""
        return max(reply.seconds for reply in self.replies if reply.kind == kind)
