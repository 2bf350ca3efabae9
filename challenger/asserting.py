"""Makes right assertions, each verified on the stepper before a bond is put on it."""

import time
from threading import Event

import structlog

from challenger.games import Games
from tandem.l1.assertion_book import Assertion
from tandem.l1.contracts import L1
from tandem.l1.encoding import claim_arguments
from tandem.l1.sender import L1Rejected, L1Sender
from tandem.node.reserve import TRACE_GAS, wei_of
from tandem.node.verification import Disagreement
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Claim
from tandem.store import ChainStore

RETRY = 60.0
"""Seconds between two tries of the same assertion."""


class Asserting:
    """The asserting hand of one account."""

    def __init__(
        self, store: ChainStore, l1: L1, sender: L1Sender, games: Games, verify_seconds: float, stopping: Event
    ) -> None:
        """`verify_seconds`: how long to re-execute before each assertion. `stopping`: the daemon stops."""
        self._store = store
        self._l1 = l1
        self._sender = sender
        self._games = games
        self._verify_seconds = verify_seconds
        self._stopping = stopping
        self._next_try: dict[Hash, float] = {}
        self._log = structlog.get_logger("asserting")

    def is_due(self, parent: Assertion) -> bool:
        """Whether the child's batches are all there, and it was not tried a moment ago."""
        if self._next_try.get(parent.id, 0.0) > time.monotonic():
            return False
        with self._store.read() as session:
            return session.batch_count() >= parent.required_batches

    def missing(self, bond: int) -> int:
        """Wei that the account lacks for an assertion, and to play on with."""
        return max(bond + wei_of(self._l1, TRACE_GAS) - self._sender.balance(), 0)

    def make(self, parent: Assertion, bond: int) -> bool:
        """Make the right child of a parent, with a bond of so many wei. False where the stepper disagrees with it, or
        L1 refuses it. The claim stays open."""
        self._next_try[parent.id] = time.monotonic() + RETRY
        own = self._games.claim(parent)
        if own is None:
            return False
        try:
            verified, total = own.verify(self._verify_seconds, self._stopping)
        except Disagreement as disagreement:
            self._games.disagree(parent, disagreement)
            return False
        if self._stopping.is_set():
            return False
        self._log.info("re-executed on the stepper", states=verified, of=total)
        return self._send(own.claim, bond)

    def _send(self, claim: Claim, bond: int) -> bool:
        call = self._l1.rollup.functions.createAssertion(*claim_arguments(claim))
        assertion, batches = claim.opening.id().hex(), claim.opening.state.batches
        try:
            receipt = self._sender.send(call, value=bond)
        except L1Rejected as refusal:
            self._log.info("assertion refused by L1", id=assertion, reason=str(refusal))
            return False
        self._log.info("assertion made", id=assertion, batches=batches, gas=receipt["gasUsed"])
        return True
