"""Settlement: never more than there is, never more for an old state; Raiden's inequalities."""

import json
import os
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.channels.settlement import Funds, Knowledge, payable, secret_hash, settle
from tandem.channels.signing import voucher_name
from tandem.channels.states import Lane, Lock, LockKind
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Seconds

FOLDER = Path(os.environ.get("TANDEM_VECTORS", Path(__file__).parents[4] / "shared" / "vectors"))
VECTORS = FOLDER / "raiden" / "settlement.json"
KNOWN, UNKNOWN = (secret_hash(keccak(name)) for name in (b"known", b"unknown"))
AT = Seconds(100)
amounts = st.integers(0, 2**96)


def lanes_of(state: dict[str, int]) -> Lane:
    """A lane as Raiden's vectors have it."""
    locks = ((state["lockedClaimable"], KNOWN), (state["lockedUnclaimable"], UNKNOWN))
    return Lane(1, state["transferred"], tuple(Lock(amount, AT, LockKind.HASH, ref) for amount, ref in locks))


def paid(one: dict[str, int], other: dict[str, int]) -> tuple[int, int]:
    """What each side gets when these states are shown."""
    funds = Funds((one["deposit"], other["deposit"]), (one["withdrawn"], other["withdrawn"]))
    return settle(funds, (lanes_of(one), lanes_of(other)), Knowledge({KNOWN: AT}))


@pytest.mark.skipif(not VECTORS.exists(), reason="the foreign vectors are not beside this checkout")
def test_raiden_an_old_state_never_pays_who_shows_it_more() -> None:
    cases = json.loads(VECTORS.read_text())
    assert cases
    for case in cases:
        one, other = case["validLast"]
        last = paid(one, other)
        # `oldLast`: of the first party's lane an old state is shown, by the second party, whom that lane pays; or the
        # other way round.
        for old in case.get("oldLast", ()):
            assert paid(old, other)[1] <= last[1]
        for old in case.get("lastOld", ()):
            assert paid(one, old)[0] <= last[0]


@given(st.tuples(amounts, amounts), st.tuples(amounts, amounts), st.tuples(amounts, amounts))
def test_all_is_paid_and_no_more(deposits: tuple[int, int], outs: tuple[int, int], steps: tuple[int, int]) -> None:
    funds = Funds(deposits)
    pay0, pay1 = settle(funds, (Lane(1, outs[0]), Lane(1, outs[1])), Knowledge())
    assert pay0 + pay1 == funds.total
    assert min(pay0, pay1) >= 0
    later0, _ = settle(funds, (Lane(2, outs[0] + steps[0]), Lane(1, outs[1])), Knowledge())
    _, later1 = settle(funds, (Lane(1, outs[0]), Lane(2, outs[1] + steps[1])), Knowledge())
    assert later0 <= pay0, "who has paid more does not get more"
    assert later1 <= pay1


@given(amounts, amounts, amounts, st.booleans())
def test_a_withdrawal_is_counted_whoever_paid_for_it(deposit: int, moved: int, taken: int, by_other: bool) -> None:
    """What a side takes out may be what it was paid."""
    moved = min(moved, deposit)
    taken = min(taken, moved)
    funds = Funds((deposit, 0), (0, taken) if by_other else (min(taken, deposit - moved), 0))
    pay0, pay1 = settle(funds, (Lane(1, moved), Lane()), Knowledge())
    assert pay0 + funds.withdrawn[0] == deposit - moved
    assert pay1 + funds.withdrawn[1] == moved


def test_conditions() -> None:
    lock = Lock(10, AT, LockKind.HASH, KNOWN)
    for time, expected in ((None, 0), (AT - 1, 10), (AT, 10), (AT + 1, 0)):
        revealed = {} if time is None else {KNOWN: Seconds(time)}
        assert payable(lock, Knowledge(revealed)) == expected
    for kind, said in product((LockKind.VOUCHER, LockKind.APP), (0, 7, 10, 99)):
        vouchers, outcomes = {voucher_name(KNOWN, AT): said}, {KNOWN: said}
        known = Knowledge(vouchers=vouchers) if kind == LockKind.VOUCHER else Knowledge(outcomes=outcomes)
        assert payable(Lock(10, AT, kind, KNOWN), known) == min(said, 10)
        assert payable(Lock(10, AT, kind, UNKNOWN), known) == 0
