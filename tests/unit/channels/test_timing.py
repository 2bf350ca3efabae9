"""Times fit together: what one side asks of a lock, another one's rules leave room for."""

import math
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.channels.tic_tac_toe import TicTacToe
from tandem.channels.timing import Timing
from tandem.errors import ConfigError
from tandem.primitives.types import Seconds

DAY = 86_400
forced = st.integers(0, DAY).map(Seconds)
factors = st.floats(1e-6, 1e3)


def test_production_on_l1_is_as_designed() -> None:
    """Design, "Parameters"."""
    timing = Timing()
    assert (timing.window, timing.hop_delta, timing.final_delta) == (DAY, 90 * 60, 45 * 60)
    assert timing.reveal_before == (2 * 15 + 2 + 10) * 60
    assert timing.least_window == 6 * 3_600


@given(forced)
def test_on_l2_all_that_a_transaction_must_be_in_time_for_is_longer_by_what_it_can_be_kept_out(delay: Seconds) -> None:
    l1, l2 = Timing(), Timing(forced=delay)
    for name in ("reveal_before", "hop_delta", "final_delta"):
        assert getattr(l2, name) == getattr(l1, name) + delay
    assert l2.least_window == 2 * delay + 6 * 3_600
    assert l2.terms(l2.window).most_time == l2.window - delay - 3_600


@given(forced)
def test_who_keeps_the_deltas_offers_locks_that_are_in_time(delay: Seconds) -> None:
    timing = Timing(forced=delay)
    terms = timing.terms(timing.least_window)
    assert terms.least_time <= timing.final_delta, "the payee's"
    assert terms.least_time <= timing.hop_delta, "a hop's: when what is behind it has gone on chain at the last moment"
    assert timing.final_delta <= terms.most_time, "into the shortest window"
    assert terms.grace > timing.reorg, "no secret comes back behind the grace"


def test_fourteen_hops_fit_into_a_day_on_l1() -> None:
    timing = Timing()
    assert (timing.terms(timing.window).most_time - timing.final_delta) // timing.hop_delta == 14


@given(st.integers(0, 2**20))
def test_a_lock_expires_while_a_window_that_begins_now_still_runs(window: int) -> None:
    timing = Timing(forced=Seconds(600))
    assert timing.terms(Seconds(window)).most_time + timing.forced < window


@given(forced, factors)
def test_scaled_times_are_no_less_than_asked_for_and_by_no_second_more(delay: Seconds, factor: float) -> None:
    timing = Timing(forced=delay)
    scaled = timing.scaled(factor)
    for item in fields(Timing):
        exact, actual = getattr(timing, item.name) * factor, getattr(scaled, item.name)
        assert type(actual) is int
        assert exact <= actual < exact + 1 or (actual == 1 and item.name != "forced")
    assert (scaled.forced == 0) == (delay == 0), "what a chain does not do, no scale makes it do"


def test_a_scale_of_one_changes_nothing() -> None:
    timing = Timing(forced=Seconds(1_234))
    assert timing.scaled(1) == timing


@pytest.mark.parametrize("factor", [0, -1, math.nan, math.inf])
def test_other_factors_are_refused(factor: float) -> None:
    with pytest.raises(ConfigError, match=f"multiplied by {factor}"):
        Timing().scaled(factor)


def test_a_window_is_long_enough_to_be_safe() -> None:
    timing = Timing(forced=Seconds(600))
    assert timing.with_window(timing.least_window).window == 22_800
    with pytest.raises(ConfigError, match="22799 s is too short here: 22800 s at least"):
        timing.with_window(Seconds(22_799))


@pytest.mark.parametrize("delay", [0, 86_400])
def test_a_dispute_about_a_session_is_over_before_the_window_is(delay: int) -> None:
    """Put down when it begins, both players' time, resolved; and one transaction more where a clock runs out."""
    timing = Timing(forced=Seconds(delay))
    most = timing.most_session(timing.roomy_window)
    assert timing.least_session(TicTacToe.most_turns) < most
    assert 2 * most + 3 * (timing.settle + delay) + timing.reorg + timing.grace in (
        timing.roomy_window,
        timing.roomy_window - 1,
    )


def test_a_session_is_not_shorter_than_the_registry_takes() -> None:
    assert [Timing().scaled(factor).least_session(TicTacToe.most_turns) for factor in (0.001, 0.004)] == [60, 60]
    assert Timing().least_session(1) == Timing().reveal_before


@pytest.mark.parametrize("delay", [0, 86_400])
def test_a_player_has_the_time_to_make_all_his_turns_on_chain(delay: int) -> None:
    """Each waits until the one before it is certain, and is mined; and one of them is kept out."""
    timing, turns = Timing(forced=Seconds(delay)), TicTacToe.most_turns
    needed = turns * (timing.reorg + timing.grace + timing.settle) + delay
    assert needed < timing.least_session(turns)


def test_scaled_deltas_are_long_enough_too() -> None:
    for parts in (60, 100, 250, 360, 600):
        timing = Timing().scaled(1 / parts)
        assert timing.reveal_before < min(timing.final_delta, timing.hop_delta), f"1 / {parts}"
