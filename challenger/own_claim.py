"""What the challenger itself claims about a parent assertion: the trace of its own chain, checked by the stepper."""

import time
from contextlib import ExitStack
from threading import Event

from tandem.chain.spec import ChainParameters
from tandem.disputes.traces import Claims
from tandem.l1.assertion_book import Assertion
from tandem.machine.trace import AssertionTrace, StepTrace
from tandem.node.claims import make_claim, right_child
from tandem.node.commitments import Commitments
from tandem.node.machine_chain import boundary_after, machine_chain
from tandem.node.player import Player
from tandem.node.step_files import GameFiles, StepFiles
from tandem.node.verification import verify_assertion, verify_leaf
from tandem.rollup.assertions import Claim
from tandem.store import ChainStore


class CheckedTrace:
    """A trace of the engine's, none of whose leaves is refined before the stepper agrees with it."""

    def __init__(self, trace: AssertionTrace, files: GameFiles) -> None:
        self._trace = trace
        self._files = files
        self.tree = trace.tree
        """Over the level-0 states."""

    def steps(self, leaf: int) -> StepTrace:
        """Level 1 below a leaf, by the stepper, once. Disagreement where it does not lead to what the engine says."""
        return verify_leaf(self._trace, leaf, self._files)


class OwnClaim:
    """Making it takes 0.5 ms a transaction. Holds a view of the store until it is closed."""

    claim: Claim
    """The assertion."""
    player: Player
    """Of the game about it."""

    def __init__(
        self,
        store: ChainStore,
        parameters: ChainParameters,
        commitments: Commitments,
        parent: Assertion,
        address: str,
        step_files: StepFiles,
    ) -> None:
        """`address`: of the player's account. `step_files`: of this party.

        StateMissing where the store has not all batches that the parent's child consumes; Disagreement where the trace
        does not end in the chain's state.
        """
        consumed, target = parent.opening.state.batches, parent.required_batches
        with ExitStack() as stack:
            session = stack.enter_context(store.read())
            opening = right_child(session, commitments, parent.id, consumed, target)
            self.claim = make_claim(session, commitments, opening, consumed)
            self._chain = machine_chain(session, parameters)
            self._start = boundary_after(session, consumed, target)
            self._trace = AssertionTrace(self._chain, self._start)
            start = self._start.machine(self._chain).hash()
            self._files = step_files.game(parent.id, start)
            self.player = Player(Claims(parent.id, start, CheckedTrace(self._trace, self._files)), address)
            self._held = stack.pop_all()

    def verify(self, seconds: float, stopping: Event) -> tuple[int, int]:
        """Re-execute from the first state on for so long, or until the daemon stops. Gives (states verified, all).

        Disagreement at the first that differs.
        """
        deadline = time.monotonic() + seconds

        def is_enough() -> bool:
            return stopping.is_set() or time.monotonic() >= deadline

        return verify_assertion(self._chain, self._start, self._trace, is_enough), len(self._trace.tree)

    def close(self, for_good: bool = False) -> None:
        """Let go of the store. `for_good`: level 1 is not asked for again."""
        self._held.close()
        if for_good:
            self._files.discard()
        else:
            self._files.close()
