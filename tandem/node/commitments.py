"""Commitments to the traces of the assertions that a store's own chain makes right. Each trace is made once."""

from collections import OrderedDict
from threading import Lock

from tandem.chain.spec import ChainParameters
from tandem.machine.trace import AssertionTrace
from tandem.node.machine_chain import boundary_after, boundary_behind, machine_chain
from tandem.node.verification import verify_end
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Commitment, commitment
from tandem.store import ChainStore, ReadSession

KEPT = 256
"""Commitments in memory, 700 bytes each. A session that is older than a commitment does not find it in the store."""


class Commitments:
    """One for all threads of a program: who asks for what another is making waits for it."""

    def __init__(self, store: ChainStore, parameters: ChainParameters) -> None:
        self._store = store
        self._parameters = parameters
        self._lock = Lock()
        self._kept: OrderedDict[Hash, Commitment] = OrderedDict()

    def get(self, session: ReadSession, batches: int, target: int) -> Commitment:
        """Of the assertion that goes on from `batches` batches up to `target`. The first time, 0.5 ms a transaction.

        `session` reads: what was made is stored in a transaction of its own. StateMissing where the store has not that
        many batches; Disagreement where the trace does not end in the chain's state.
        """
        chain = machine_chain(session, self._parameters)
        start, end = boundary_after(session, batches, target), boundary_behind(session, target)
        accumulator = session.batch(target - 1).queued.accumulator
        key = keccak(start.machine(chain).hash() + accumulator + end.machine(chain).hash())
        with self._lock:
            found = self._kept.get(key) or session.commitment(key)
            if found is None:
                trace = AssertionTrace(chain, start)
                verify_end(chain, trace, end)
                found = commitment(trace.tree)
                with self._store.write() as writer:
                    writer.put_commitment(key, found)
            self._keep(key, found)
            return found

    def _keep(self, key: Hash, found: Commitment) -> None:
        self._kept[key] = found
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
