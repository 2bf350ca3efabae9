"""The state machine: any order of what adversaries can do, of time and of censors (hypothesis.stateful)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import ClassVar, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tandem.disputes.edges import Edge
from tests.model.adversary import Adversary
from tests.model.arena import Build
from tests.model.play import CENSORSHIP, DELAY, Play
from tests.support.solidity import Overlay, compile_contracts

T = TypeVar("T")
HEIGHTS = ((3, 3), (2, 3), (3, 2), (4, 3))
STEPS = 25
"""Rules in one dispute."""


@cache
def build(overlay: Overlay = (), *, optimize: bool = True) -> Build:
    """The contracts, with other sources for some."""
    game = compile_contracts("disputes/DisputeGame.sol", overlay=overlay, optimize=optimize)["DisputeGame"]
    toys = compile_contracts("test/ToyMachine.sol", "test/ToyRollup.sol")
    return Build(game, toys["ToyRollup"], toys["ToyMachine"])


class Drawn:
    """Decisions that Hypothesis takes."""

    def __init__(self) -> None:
        self.data: st.DataObject | None = None

    def choice(self, options: Sequence[T]) -> T:
        """One of them."""
        return options[self.number(0, len(options) - 1)]

    def number(self, least: int, most: int) -> int:
        """Both may come."""
        assert self.data is not None
        return int(self.data.draw(st.integers(least, most)))


class Dispute(RuleBasedStateMachine):
    """One dispute. It is played to its end when the rules are done."""

    contracts: ClassVar[Build]

    def __init__(self) -> None:
        super().__init__()
        self.chooser = Drawn()
        self.play: Play
        self.is_sound = False

    @initialize(heights=st.sampled_from(HEIGHTS), data=st.data(), is_first=st.booleans())
    def begin(self, heights: tuple[int, int], data: st.DataObject, is_first: bool) -> None:
        """Of some size; the honest party asserts at once, or when it sees that others lie."""
        boundaries = data.draw(st.integers(2, 1 << heights[0]))
        self.play = Play(self.contracts, heights, boundaries)
        self.adversary = Adversary(self.play, self.chooser)
        if is_first:
            self.play.honest.make_assertion()
        self.is_sound = True

    @rule(data=st.data(), kind=st.sampled_from(["run", "run", "patch", "noise", "graft", "spine", "right"]))
    def assert_something(self, data: st.DataObject, kind: str) -> None:
        """A root of level 0."""
        self.act(data, f"assert_{kind}")

    @rule(data=st.data(), kind=st.sampled_from(["bisect", "bisect_all", "bisect_one_way", "open_steps", "prove"]))
    def move(self, data: st.DataObject, kind: str) -> None:
        """A move, right or wrong."""
        self.act(data, kind)

    @rule(data=st.data(), kind=st.sampled_from(["attack", "engage"]))
    def fight(self, data: st.DataObject, kind: str) -> None:
        """A new false claim, or all that there are."""
        self.act(data, kind)

    @rule(data=st.data())
    def update_all(self, data: st.DataObject) -> None:
        """Brings all timers up: they are then what they truly are, as far as the window."""
        self.act(data, "update_all")
        model, window = self.play.arena.model, self.play.arena.terms.window
        known: dict[Edge, int] = {}
        for edge in model.made:
            assert min(model.timer_kept(edge), window) == min(model.timer_true(edge, known), window)

    @rule(data=st.data(), kind=st.sampled_from(["update", "decide", "settle", "refund", "withdraw", "grab"]))
    def ask(self, data: st.DataObject, kind: str) -> None:
        """Timers, decisions and money, whether it is time or not."""
        self.act(data, kind)

    @rule(data=st.data())
    def blunder(self, data: st.DataObject) -> None:
        """A call that is not quite right."""
        self.act(data, "blunder")

    @rule(data=st.data())
    def outrun(self, data: st.DataObject) -> None:
        """The honest party's moves, made by others."""
        self.act(data, "outrun")

    @rule(seconds=st.sampled_from([1, 7, DELAY, 3 * DELAY, 10 * DELAY, 30 * DELAY]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        with self.noting_failure():
            self.play.advance(seconds)

    @rule(seconds=st.integers(1, CENSORSHIP))
    def censor(self, seconds: int) -> None:
        """Nothing of the honest party's is included for some time."""
        self.play.censor(seconds)

    def act(self, data: st.DataObject, kind: str) -> None:
        """What adversaries do."""
        self.chooser.data = data
        with self.noting_failure():
            getattr(self.adversary, kind)()

    @contextmanager
    def noting_failure(self) -> Iterator[None]:
        """What has gone wrong is not played to its end."""
        self.is_sound = False
        yield
        self.is_sound = True

    def teardown(self) -> None:
        """Played to the end, the honest party has won and lost nothing."""
        if self.is_sound:
            self.play.finish(self.adversary.hasten)
            self.adversary.grab()


def search(contracts: Build, examples: int) -> None:
    """Plays so many disputes with these contracts. Raises what is wrong first."""
    machine = type("Dispute", (Dispute,), {"contracts": contracts})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
