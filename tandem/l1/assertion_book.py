"""All assertions that were made on L1 and what became of them, by the rollup contract's events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tandem.errors import TandemError
from tandem.l1.game_encoding import opening_of
from tandem.primitives.types import ZERO_HASH, Hash
from tandem.rollup.assertions import Opening, Status


class AssertionMissing(TandemError):
    """An event is about an assertion that no event before it has made."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion on L1."""

    opening: Opening
    id: Hash
    asserter: str
    """Whose bond it carries; the zero address for genesis."""
    required_batches: int
    """Batches that its child will have consumed."""
    made_at: int
    """L1 seconds."""
    status: Status
    is_bond_claimed: bool

    @property
    def is_genesis(self) -> bool:
        """Whether it is what the rollup was deployed with: it has no bond and no trace."""
        return self.opening.parent_id == ZERO_HASH


class AssertionBook:
    """The assertions, parents before children."""

    def __init__(self) -> None:
        self._entries: dict[Hash, Assertion] = {}
        self._children: dict[Hash, list[Hash]] = {}
        self.latest_confirmed = ZERO_HASH
        """Id of the last one confirmed."""

    def __iter__(self) -> Iterator[Assertion]:
        """All, in the order of their making."""
        return iter(self._entries.values())

    def get(self, assertion_id: Hash) -> Assertion | None:
        """The assertion of this id; None where it was never made."""
        return self._entries.get(assertion_id)

    def children(self, parent_id: Hash) -> list[Assertion]:
        """The rivals that go on from an assertion, in the order of their making."""
        return [self._entries[child] for child in self._children.get(parent_id, ())]

    def can_have_child(self, parent: Assertion) -> bool:
        """Whether L1 still takes a child of it."""
        if parent.status == Status.CONFIRMED:
            return parent.id == self.latest_confirmed
        return parent.status == Status.PENDING

    def apply(self, event: str, args: Mapping[str, Any], at: int) -> None:
        """Take the next event of the rollup contract. AssertionMissing where one before it was not seen."""
        if event == "AssertionCreated":
            opening = opening_of(args)
            entry = Assertion(
                opening, opening.id(), args["asserter"], args["requiredBatches"], at, Status.PENDING, False
            )
            self._entries[entry.id] = entry
            self._children.setdefault(opening.parent_id, []).append(entry.id)
        elif event == "AssertionConfirmed":
            self.latest_confirmed = self._change(args, status=Status.CONFIRMED)
        elif event == "AssertionRejected":
            self._change(args, status=Status.REJECTED)
        elif event == "BondClaimed":
            self._change(args, is_bond_claimed=True)

    def _change(self, args: Mapping[str, Any], **changes: Any) -> Hash:
        entry = self._entries.get(Hash(args["id"]))
        if entry is None:
            raise AssertionMissing(f"assertion 0x{args['id'].hex()} was never made")
        self._entries[entry.id] = replace(entry, **changes)
        return entry.id
