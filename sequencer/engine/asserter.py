"""Makes the right assertion whenever L1 allows one, confirms those whose window has passed, claims bonds back."""

import time
from threading import Event

from tandem.l1.contracts import L1
from tandem.l1.encoding import claim_arguments
from tandem.l1.sender import L1Sender
from tandem.node.assertion_chain import right_path
from tandem.node.claims import genesis_opening
from tandem.node.commitments import Commitments
from tandem.node.role import Role
from tandem.rollup.assertions import Claim, Opening
from tandem.store import ChainStore

RESERVE = 5 * 10**16
"""Wei kept back for confirming and claiming: a bond that cannot be fetched is lost."""


class Asserter(Role):
    """The asserting role. Keeps nothing: each round walks the right assertions from the last confirmed one."""

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
        self._sender = sender
        self._spacing = spacing
        self._last_made = -spacing
        self._start: Opening | None = None

    def step(self) -> None:
        """Confirm what can be, claim what is ours, assert what is next."""
        rollup = self._l1.rollup.functions
        with self._store.read() as session:
            if self._start is None or not rollup.isConfirmed(self._start.id()).call():
                self._start = genesis_opening(session)
            position, self._start = right_path(self._l1, session, self._commitments, self._start, self._sender.address)
        for assertion in position.unclaimed:
            self._sender.send(rollup.claimBond(assertion))
            self._log.info("bond claimed back", id=assertion.hex())
        for assertion in position.pending:
            if not rollup.isConfirmable(assertion).call():
                break
            self._sender.send(rollup.confirmAssertion(assertion))
            self._log.info("assertion confirmed", id=assertion.hex())
        if position.next is not None and time.monotonic() - self._last_made >= self._spacing:
            self._assert(position.next)

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
