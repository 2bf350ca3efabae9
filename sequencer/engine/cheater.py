"""An asserter that lies, once: for demonstrations and tests, on development chains alone.

It asserts what is right until the next assertion has a place for its lie. That one it makes with the lie in it, and
plays its game until it has lost. Then it is quiet. After a restart it lies again, at the next occasion.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event

from sequencer.engine.asserter import Asserter
from sequencer.engine.batcher import pack_block
from tandem.batch.payload import PackedBlock
from tandem.chain.spec import ChainParameters
from tandem.disputes.forgeries import claim_of, forged_withdrawal, lie_for
from tandem.disputes.lies import Cheat, NothingToLieAbout
from tandem.disputes.lying_trace import LyingTrace
from tandem.disputes.traces import Claims
from tandem.errors import StateMissing
from tandem.l1.assertion_book import Assertion
from tandem.l1.contracts import L1, checksum
from tandem.l1.log_feed import L1Moved
from tandem.l1.sender import L1Sender
from tandem.node.claims import inbox_acc
from tandem.node.commitments import Commitments
from tandem.node.machine_chain import boundary_after, machine_chain
from tandem.node.player import Player, make_moves
from tandem.primitives.types import Address, Hash
from tandem.rollup.assertions import Claim, Status
from tandem.store import BlockRecord, ChainStore

PLAY_INTERVAL = 0.3
"""Seconds between two looks at L1 while its game is on."""
RETRY = 2.0
"""Seconds until it tries again what L1 refused, or has forgotten."""
SMALL_BLOCK = 32_000
"""Packed bytes up to which a block can take one of its transactions twice: twice as many still fit into a batch."""


@dataclass(frozen=True, slots=True)
class Fraud:
    """A false assertion and the game about it."""

    claim: Claim
    trace: LyingTrace
    player: Player

    @property
    def id(self) -> Hash:
        """The assertion's id."""
        return self.claim.opening.id()


class Cheater(Asserter):
    """The asserting role, gone bad."""

    def __init__(
        self,
        cheat: Cheat,
        parameters: ChainParameters,
        store: ChainStore,
        commitments: Commitments,
        l1: L1,
        sender: L1Sender,
        interval: float,
        spacing: float,
        stopping: Event,
    ) -> None:
        """`cheat` and `parameters` aside, as for an asserter."""
        super().__init__(store, commitments, l1, sender, interval, spacing, stopping)
        self._lie = lie_for(cheat, Address(bytes.fromhex(sender.address[2:])))
        self._parameters = parameters
        self._held = ExitStack()
        """The view of the store that the fraud's trace reads from."""
        self._fraud: Fraud | None = None
        self._is_over = False
        self._refusals: set[str] = set()
        self._log.warning("CHEATING: waiting for an occasion", kind=str(cheat), lie=cheat.description)

    def run(self) -> None:
        """Until the daemon stops."""
        try:
            super().run()
        finally:
            self._held.close()

    def step(self) -> None:
        """Assert what is right, or lie, or play, or be quiet."""
        if self._fraud is None:
            super().step()
        elif not self._is_over:
            self._defend(self._fraud)

    def _assert(self, claim: Claim) -> None:
        parent = self._reader.book.get(claim.opening.parent_id)
        assert parent is not None, "the next assertion goes on from one that was read from L1"
        try:
            self._fraud = self._commit_fraud(parent)
        except NothingToLieAbout:
            super()._assert(claim)
            return
        except StateMissing as reason:
            self._log.info("looking at L1 again", reason=str(reason))
            return
        self._interval = PLAY_INTERVAL
        self._announce(self._fraud)
        super()._assert(self._fraud.claim)

    def _commit_fraud(self, parent: Assertion) -> Fraud:
        """The false child of an assertion. NothingToLieAbout where it has no place for the lie."""
        consumed, target = parent.opening.state.batches, parent.required_batches
        with ExitStack() as stack:
            session = stack.enter_context(self._store.read())
            chain, start = machine_chain(session, self._parameters), boundary_after(session, consumed, target)
            trace = LyingTrace(chain, start, self._lie)
            claim = claim_of(trace, chain.nodes, parent.id, inbox_acc(session, target))
            claims = Claims(parent.id, start.machine(chain).hash(), trace)
            self._held = stack.pop_all()
        return Fraud(claim, trace, Player(claims, self._sender.address))

    def _announce(self, fraud: Fraud) -> None:
        cheat, trace = self._lie.cheat, fraud.trace
        self._log.warning(
            "CHEATING: a false assertion",
            kind=str(cheat),
            lie=cheat.description,
            id=fraud.id.hex(),
            block=trace.origin(trace.lie_leaf).block.number,
            leaf=trace.lie_leaf,
            step=trace.lie_step,
        )
        if cheat == Cheat.FAKE_WITHDRAWAL:
            forged = forged_withdrawal(Address(bytes.fromhex(self._sender.address[2:])))
            self._log.warning(
                "CHEATING: a withdrawal that nobody initiated",
                hash=forged.hash().hex(),
                nonce=forged.nonce,
                target=checksum(forged.target),
                value=forged.value,
            )

    def _defend(self, fraud: Fraud) -> None:
        try:
            while not self._reader.poll():
                if self._stopping.is_set():
                    return
        except L1Moved as reason:
            self._log.info("looking at L1 again", reason=str(reason))
            return
        assertion = self._reader.book.get(fraud.id)
        if assertion is None:
            self._stopping.wait(RETRY)
            super()._assert(fraud.claim)
        elif not self._is_decided(assertion):
            self._play(fraud)

    def _is_decided(self, assertion: Assertion) -> bool:
        book = self._reader.book
        parent = book.get(assertion.opening.parent_id)
        assert parent is not None, "L1 makes no assertion without its parent"
        if assertion.status == Status.CONFIRMED:
            self._log.error("CHEATING: the false assertion is CONFIRMED", id=assertion.id.hex())
        elif assertion.status == Status.REJECTED or not book.can_have_child(parent):
            self._log.warning("CHEATING: lost; quiet from here on", id=assertion.id.hex())
        else:
            return False
        self._is_over = True
        return True

    def _play(self, fraud: Fraud) -> None:
        """Make all moves that are due."""
        for answers in fraud.player.rounds(self._reader.board):
            result = make_moves(self._l1, self._sender, answers)
            for answer in result.made:
                self._log.warning("CHEATING: move made", move=answer.describe())
            for reason in result.refused:
                if reason not in self._refusals:
                    self._refusals.add(reason)
                    self._log.warning("CHEATING: move refused by L1", reason=reason)
            if result.missing:
                self._log.warning("CHEATING: too little ether for bonds", missing=result.missing)
            if not result.made:
                self._stopping.wait(RETRY)
            if self._stopping.is_set():
                return


def pack_with_replay(block: BlockRecord, parent_time: int) -> PackedBlock:
    """A block as a batch carries it, and its first transaction once more: what INVALID_TRANSACTION needs.

    By the chain's rules that one is skipped, and the block stays what it is.
    """
    packed = pack_block(block, parent_time)
    size = sum(map(len, packed.transactions))
    if not packed.transactions or size > SMALL_BLOCK:
        return packed
    return PackedBlock(packed.time_delta, packed.messages, (*packed.transactions, packed.transactions[0]))
