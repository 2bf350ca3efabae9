"""Judges assertions: each is right or wrong by the chain that this node derived itself."""

from dataclasses import dataclass
from enum import StrEnum

from tandem.errors import TandemError
from tandem.l1.contracts import L1
from tandem.l1.game_encoding import opening_of
from tandem.node.claims import genesis_opening, inbox_acc, state_after
from tandem.node.commitments import Commitments
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Opening
from tandem.store import ReadSession

LOG_RANGE = 2_000
"""L1 blocks per request for logs."""


class Verdict(StrEnum):
    """What this node thinks of an assertion."""

    RIGHT = "right"
    WRONG = "wrong"
    OPEN = "open"
    """It speaks of batches that this node has not derived yet."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An assertion on L1 and what this node thinks of it."""

    opening: Opening
    id: Hash
    asserter: str
    l1_block: int
    verdict: Verdict
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that must not be: a person should look."""

    assertion: Hash
    message: str


class Judge:
    """All assertions since genesis, judged. Rebuilt from L1's events, so it survives restarts and re-orgs."""

    def __init__(self, l1: L1, commitments: Commitments) -> None:
        self._l1 = l1
        self._commitments = commitments
        self.assertions: dict[Hash, Judged] = {}
        self._cursor = l1.addresses.start_block - 1
        self._cursor_hash: bytes | None = None

    def update(self, session: ReadSession) -> list[Alarm]:
        """Read new events, judge what can be judged. Returns the alarms that are new."""
        self._forget_if_reorganised()
        end = self._l1.web3.eth.block_number
        while self._cursor < end:
            last = min(end, self._cursor + LOG_RANGE)
            self._read(self._cursor + 1, last)
            self._cursor = last
        self._cursor_hash = bytes(self._l1.web3.eth.get_block(self._cursor)["hash"])
        return self._judge(session)

    def alarms(self) -> list[Alarm]:
        """All that is wrong now."""
        return [alarm for judged in self.assertions.values() if (alarm := _alarm(judged)) is not None]

    def _forget_if_reorganised(self) -> None:
        known = self._cursor_hash
        if known is not None and bytes(self._l1.web3.eth.get_block(self._cursor)["hash"]) != known:
            self.assertions.clear()
            self._cursor = self._l1.addresses.start_block - 1

    def _read(self, first: int, last: int) -> None:
        events = self._l1.rollup.events
        for log in events.AssertionCreated().get_logs(from_block=first, to_block=last):
            opening = opening_of(log["args"])
            self.assertions[opening.id()] = Judged(
                opening, opening.id(), log["args"]["asserter"], log["blockNumber"], Verdict.OPEN, False
            )
        for log in events.AssertionConfirmed().get_logs(from_block=first, to_block=last):
            judged = self.assertions.get(Hash(log["args"]["id"]))
            if judged is None:
                raise TandemError("an assertion is confirmed whose creation L1's RPC did not show: reading again")
            self._confirm(judged)

    def _confirm(self, judged: Judged) -> None:
        """A wrong one that is confirmed may have the chain's state: what stands on it is judged again."""
        self.assertions[judged.id] = _with(judged, judged.verdict, True)
        if judged.verdict == Verdict.WRONG:
            for other in list(self.assertions.values()):
                if other.verdict == Verdict.WRONG:
                    self.assertions[other.id] = _with(other, Verdict.OPEN, other.is_confirmed)

    def _judge(self, session: ReadSession) -> list[Alarm]:
        before = set(self.alarms())
        for judged in list(self.assertions.values()):
            if judged.verdict == Verdict.OPEN:
                verdict = self._verdict(session, judged)
                self.assertions[judged.id] = _with(judged, verdict, judged.is_confirmed)
        return [alarm for alarm in self.alarms() if alarm not in before]

    def _verdict(self, session: ReadSession, judged: Judged) -> Verdict:
        """Parents come before their children in L1's order, so a parent is judged already."""
        opening = judged.opening
        parent = self.assertions.get(opening.parent_id)
        if parent is None:
            return Verdict.RIGHT if opening == genesis_opening(session) else Verdict.WRONG
        if parent.verdict != Verdict.RIGHT:
            return parent.verdict
        if opening.state.batches > session.batch_count():
            return Verdict.OPEN
        if inbox_acc(session, opening.state.batches) != opening.inbox_acc:
            return Verdict.OPEN  # L1 is re-organising: it speaks of other batches than the store holds
        return Verdict.RIGHT if self._is_right(session, judged, parent.opening.state.batches) else Verdict.WRONG

    def _is_right(self, session: ReadSession, judged: Judged, parent_batches: int) -> bool:
        """Of an assertion on a right parent. Its trace is looked at where nothing else is wrong and it is not confirmed
        yet: then a trace decides nothing any more, and none is made for what was confirmed long ago."""
        opening = judged.opening
        if opening.state != state_after(session, opening.state.batches):
            return False
        if judged.is_confirmed:
            return True
        return opening.trace_root == self._commitments.get(session, parent_batches, opening.state.batches).root


def _with(judged: Judged, verdict: Verdict, is_confirmed: bool) -> Judged:
    return Judged(judged.opening, judged.id, judged.asserter, judged.l1_block, verdict, is_confirmed)


def _alarm(judged: Judged) -> Alarm | None:
    if judged.verdict != Verdict.WRONG:
        return None
    state = judged.opening.state
    what = "is CONFIRMED although it is wrong" if judged.is_confirmed else "is wrong"
    message = f"assertion 0x{judged.id.hex()} by {judged.asserter} up to batch {state.batches} {what}"
    return Alarm(judged.id, message)
