"""How long things take on a chain, and what follows for locks and windows. Seconds."""

import math
from dataclasses import dataclass, fields, replace

from tandem.channels.endpoint import Terms
from tandem.channels.sessions import LEAST_TIMEOUT
from tandem.errors import ConfigError
from tandem.primitives.types import Seconds


@dataclass(frozen=True, slots=True)
class Timing:
    """The values of production on L1. A development chain may scale them down."""

    reorg: Seconds = Seconds(15 * 60)
    """R: what is older than that stays."""
    grace: Seconds = Seconds(2 * 60)
    """G: clocks differ by less."""
    settle: Seconds = Seconds(10 * 60)
    """S: within that a transaction is mined, whatever it has to pay."""
    forced: Seconds = Seconds(0)
    """F: on L2, how long the sequencer can keep a transaction out."""
    final_slack: Seconds = Seconds(45 * 60)
    """From now to the last lock's expiry, besides F."""
    hop_slack: Seconds = Seconds(90 * 60)
    """Between the expiries of two locks on the way, besides F."""
    window: Seconds = Seconds(24 * 3600)
    """Of the channels that it opens."""
    window_slack: Seconds = Seconds(6 * 3600)
    """A channel's window is 2F and this at least."""
    lock_slack: Seconds = Seconds(3600)
    """A lock expires before a window that begins now ends, by F and this."""
    consent: Seconds = Seconds(10 * 60)
    """What is signed to be done on chain is valid for so long."""

    def scaled(self, factor: float) -> "Timing":
        """All of it shorter or longer, at least a second but for F. ConfigError where the factor is not positive."""
        if not 0 < factor < math.inf:
            raise ConfigError(f"times cannot be multiplied by {factor}")
        values = {item.name: math.ceil(getattr(self, item.name) * factor) for item in fields(self)}
        return Timing(**{name: Seconds(max(int(name != "forced"), value)) for name, value in values.items()})

    def with_window(self, window: Seconds) -> "Timing":
        """For channels that it opens. ConfigError where it is too short to be safe."""
        if window < self.least_window:
            raise ConfigError(f"a window of {window} s is too short here: {self.least_window} s at least")
        return replace(self, window=window)

    @property
    def reveal_before(self) -> Seconds:
        """A secret that is not answered goes on chain so long before its lock's expiry."""
        return Seconds(2 * self.reorg + self.grace + self.settle + self.forced)

    @property
    def final_delta(self) -> Seconds:
        """What a payee wants from now to the last lock's expiry."""
        return Seconds(max(self.final_slack + self.forced, self.reveal_before + 1))

    @property
    def hop_delta(self) -> Seconds:
        """What a hop wants between the expiry of the lock that it receives and that of the one that it hands on."""
        return Seconds(max(self.hop_slack + self.forced, self.reveal_before + 1))

    @property
    def least_window(self) -> Seconds:
        """Channels with a shorter one are not used."""
        return Seconds(2 * self.forced + self.window_slack)

    @property
    def roomy_window(self) -> Seconds:
        """In which locks of four hops have their time: what is opened without being told otherwise."""
        locks = self.final_delta + 4 * self.hop_delta + self.lock_slack + self.forced
        return Seconds(max(self.window, self.least_window, locks))

    def least_session(self, turns: int) -> Seconds:
        """A player's time in a dispute about a session, at least: he can make so many turns on chain.

        Each is built on one that is certain there. A sequencer keeps out one of them.
        """
        each = self.reorg + self.grace + self.settle
        return Seconds(max(LEAST_TIMEOUT, self.reveal_before + (turns - 1) * each))

    def most_session(self, window: Seconds) -> Seconds:
        """The same at most: both players' time, and three transactions around it, are over before the window is."""
        return Seconds((window - 3 * (self.settle + self.forced) - self.reorg - self.grace) // 2)

    def terms(self, window: Seconds) -> Terms:
        """What is asked of locks in a channel."""
        return Terms(
            least_time=self.reveal_before,
            most_time=Seconds(window - self.forced - self.lock_slack),
            grace=Seconds(self.reorg + self.grace),
        )
