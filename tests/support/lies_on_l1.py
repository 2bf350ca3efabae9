"""What liars claim about the child of one parent assertion: traces, and the assertions that L1 takes of them."""

from dataclasses import dataclass, replace

from tandem.chain.header import Header
from tandem.chain.spec import MESSAGE_PASSER, Deployment
from tandem.disputes.forgeries import claim_of, forged_withdrawal, lie_for
from tandem.disputes.lies import Cheat
from tandem.disputes.lying_trace import LyingTrace
from tandem.disputes.patched_trace import patched
from tandem.disputes.traces import Claims
from tandem.l1.assertion_book import Assertion
from tandem.machine.trace import AssertionTrace, Boundaries
from tandem.node.claims import inbox_acc
from tandem.node.machine_chain import boundary_after, machine_chain
from tandem.primitives.types import Address
from tandem.rollup.assertions import Claim
from tandem.rollup.withdrawals import prove_withdrawal
from tandem.state.database import HistoricalState
from tandem.state.proof import Proof
from tandem.state.tables import StateTables
from tandem.store import ReadSession

HONEST, PATCH = "honest", "patch"
ROTTEN_STEP = 2
"""The state of level 1 that a rotten commitment has wrong; the next such commitment has the next one wrong."""


@dataclass(frozen=True, slots=True)
class Telling:
    """One claim about the child, by name: `honest`, `patch` (the right end, a wrong middle), or a cheat's name.

    `gas/2/5` is the cheat `gas` in the third place that it applies to, with salt 5.
    """

    name: str

    @property
    def parts(self) -> tuple[str, int, int]:
        """Kind, places skipped, salt."""
        kind, places, salt = (*self.name.split("/"), "", "")[:3]
        return kind, int(places or 0), int(salt or 0)


class Liar:
    """Makes traces about one parent's child. Good for as long as the session."""

    def __init__(self, session: ReadSession, deployment: Deployment, parent: Assertion) -> None:
        self._parent = parent
        self._chain = machine_chain(session, deployment.parameters)
        batches, target = parent.opening.state.batches, parent.required_batches
        self._start = boundary_after(session, batches, target)
        self._inbox_acc = inbox_acc(session, target)
        self.honest = AssertionTrace(self._chain, self._start)

    def trace(self, telling: Telling, thief: Address) -> Boundaries:
        """The trace that is told. `thief`: whom it is told for."""
        kind, places, salt = telling.parts
        if kind == HONEST:
            return self.honest
        if kind == PATCH:
            return patched(self.honest, len(self.honest.tree) // 2 + places)
        cheat = next(cheat for cheat in Cheat if cheat.value == kind)
        lie = replace(lie_for(cheat, thief), skip_places=places, salt=salt)
        return LyingTrace(self._chain, self._start, lie)

    def claims(self, trace: Boundaries) -> Claims:
        """It as a party's edges."""
        return Claims(self._parent.id, self._start.machine(self._chain).hash(), trace)

    def rotten(self, trace: Boundaries, leaf: int, number: int) -> Claims:
        """The same level 0, but below one leaf a commitment with a wrong middle."""
        return self.claims(patched(trace, leaf, ROTTEN_STEP + number))

    def claim(self, trace: Boundaries) -> Claim:
        """The assertion of a trace."""
        return claim_of(trace, self._chain.nodes, self._parent.id, self._inbox_acc)

    def forged_proof(self, trace: Boundaries, thief: Address) -> Proof:
        """The proof of the forged withdrawal in the claimed state. StateMissing where it is not in it."""
        header = trace.end.block
        assert isinstance(header, Header)
        tables = StateTables(preimages=self._chain.nodes)
        passer = HistoricalState(tables, header.state_root).account(MESSAGE_PASSER)
        assert passer is not None
        return prove_withdrawal(tables, passer.storage_root, forged_withdrawal(thief).hash())
