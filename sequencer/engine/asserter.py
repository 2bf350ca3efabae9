"""Makes the right assertion whenever L1 allows one, confirms those whose window has passed, claims bonds back."""

from threading import Event

from sequencer.engine.role import Role
from tandem.l1.contracts import L1
from tandem.l1.encoding import claim_arguments
from tandem.l1.sender import L1Sender
from tandem.node.assertion_chain import right_path
from tandem.node.claims import genesis_opening, make_claim
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Opening
from tandem.store import ChainStore


class Asserter(Role):
    """The asserting role. Keeps nothing: each round walks the right assertions from the last confirmed one."""

    def __init__(self, store: ChainStore, l1: L1, sender: L1Sender, interval: float, stopping: Event) -> None:
        """`interval`: seconds between two looks at L1."""
        super().__init__("asserter", interval, stopping)
        self.made = self.confirmed = 0
        """Assertions made and confirmed since start."""
        self._store = store
        self._l1 = l1
        self._sender = sender
        self._start: Opening | None = None
        self._unclaimed: set[Hash] = set()

    def step(self) -> None:
        rollup = self._l1.rollup.functions
        with self._store.read() as session:
            if self._start is None or not rollup.isConfirmed(self._start.id()).call():
                self._start = genesis_opening(session)
            position, self._start = right_path(self._l1, session, self._start)
            claim = make_claim(session, position.next) if position.next else None
        for assertion in position.pending:
            if not rollup.isConfirmable(assertion).call():
                break
            self._sender.send(rollup.confirmAssertion(assertion))
            self.confirmed += 1
            self._unclaimed.add(assertion)
            self._log.info("assertion confirmed", id=assertion.hex())
        if claim is not None:
            bond = rollup.bond().call()
            receipt = self._sender.send(rollup.createAssertion(*claim_arguments(claim)), value=bond)
            self.made += 1
            self._log.info(
                "assertion made",
                id=claim.opening.id().hex(),
                batches=claim.opening.state.batches,
                block=claim.header.number,
                gas=receipt["gasUsed"],
            )
        self._claim_bonds()

    def _claim_bonds(self) -> None:
        for assertion in tuple(self._unclaimed):
            record = self._l1.rollup.functions.getAssertion(assertion).call()
            if not record[4] and record[1] == self._sender.address:
                self._sender.send(self._l1.rollup.functions.claimBond(assertion))
            self._unclaimed.discard(assertion)
