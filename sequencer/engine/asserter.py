"""Makes the right assertion whenever L1 allows one, confirms those whose window has passed, claims bonds back."""

import time
from threading import Event

from tandem.errors import StateMissing
from tandem.l1.contracts import L1
from tandem.l1.encoding import claim_arguments
from tandem.l1.game_reader import GameReader
from tandem.l1.log_feed import L1Moved
from tandem.l1.sender import L1Sender
from tandem.node.assertion_chain import OffChain, Position, right_path
from tandem.node.commitments import Commitments
from tandem.node.role import Role
from tandem.rollup.assertions import Claim, Status
from tandem.store import ChainStore

RESERVE = 5 * 10**16
"""Wei kept back for confirming and claiming: a bond that cannot be fetched is lost."""


class Asserter(Role):
    """The asserting role. What it knows of L1 is L1's events; each round walks from the last confirmed assertion on."""

    def __init__(
        self,
        store: ChainStore,
        commitments: Commitments,
        l1: L1,
        sender: L1Sender,
        interval: float,
        spacing: float,
        stopping: Event,
    ) -> None:
        """`interval`: seconds between two looks at L1. `spacing`: least seconds between two assertions."""
        super().__init__("asserter", interval, stopping)
        self._store = store
        self._commitments = commitments
        self._l1 = l1
        self._reader = GameReader(l1)
        self._sender = sender
        self._spacing = spacing
        self._last_made = -spacing

    def step(self) -> None:
        """Claim what is ours, confirm what can be, assert what is next."""
        try:
            position = self._look()
        except (L1Moved, StateMissing) as reason:
            self._log.info("looking at L1 again", reason=str(reason))
            return
        except OffChain as error:
            self._log.warning("nothing to assert on", reason=str(error))
            return
        rollup = self._l1.rollup.functions
        self._claim_bonds()
        for assertion in position.pending:
            if not rollup.isConfirmable(assertion.id).call():
                break
            self._sender.send(rollup.confirmAssertion(assertion.id))
            self._log.info("assertion confirmed", id=assertion.id.hex())
        if position.next is not None and time.monotonic() - self._last_made >= self._spacing:
            self._assert(position.next)

    def _look(self) -> Position:
        while not self._reader.poll():
            pass
        with self._store.read() as session:
            return right_path(self._reader.book, session, self._commitments)

    def _claim_bonds(self) -> None:
        for entry in self._reader.book:
            is_due = entry.status == Status.CONFIRMED and not entry.is_bond_claimed
            if is_due and entry.asserter == self._sender.address:
                self._sender.send(self._l1.rollup.functions.claimBond(entry.id))
                self._log.info("bond claimed back", id=entry.id.hex())

    def _assert(self, claim: Claim) -> None:
        rollup = self._l1.rollup.functions
        bond = rollup.bond().call()
        if self._sender.balance() < bond + RESERVE:
            self._log.warning("too little ether for another bond", bond=bond, account=self._sender.address)
            return
        receipt = self._sender.send(rollup.createAssertion(*claim_arguments(claim)), value=bond)
        self._last_made = time.monotonic()
        self._log.info(
            "assertion made",
            id=claim.opening.id().hex(),
            batches=claim.opening.state.batches,
            block=claim.header.number,
            gas=receipt["gasUsed"],
        )
