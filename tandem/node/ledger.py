"""What the dispute game's contract keeps of costs and truth, asked when it is needed."""

from tandem.l1.contracts import L1
from tandem.primitives.types import Hash


class L1Ledger:
    """disputes.settlement.Ledger for one account, by the contract's views. Holds answers: make one for each look.

    Moves of others count as paid: whoever helped has it paid himself, or a copycat would make the honest pay for it.
    """

    def __init__(self, l1: L1, address: str) -> None:
        """`address`: whose moves are to be paid."""
        self._functions = l1.game.functions
        self._address = address
        self._records: dict[Hash, tuple[int, bool]] = {}

    def unpaid(self, edge_id: Hash) -> bool:
        """Whether the cost of a move of the account is still kept with this edge."""
        cost, _ = self._record(edge_id)
        return cost != 0 or self.unpaid_work(edge_id)

    def unpaid_work(self, key: Hash) -> bool:
        """Whether the cost of work of the account is still kept with this edge or place."""
        return self._own(*self._functions.getWork(key).call()) != 0

    def is_true(self, leaf_id: Hash) -> bool:
        """Whether a confirmed assertion was shown to hold this leaf."""
        return self._record(leaf_id)[1]

    def _record(self, edge_id: Hash) -> tuple[int, bool]:
        known = self._records.get(edge_id)
        if known is None:
            mover, _, cost, _, is_true = self._functions.getRecord(edge_id).call()
            known = self._records[edge_id] = (self._own(mover, cost), is_true)
        return known

    def _own(self, mover: str, cost: int) -> int:
        return cost if mover == self._address else 0
