"""What a player keeps back from bonds: gas to play on with in all games that it is in (disputes.md, section 4)."""

from tandem.disputes.board import Board, Record
from tandem.disputes.traces import Claims
from tandem.l1.contracts import L1

TRACE_GAS = 5_300_000
"""Of all honest moves about a false assertion: another one, 20 bisections, an opening, bringing up, rejecting."""
STEPS_GAS = 13_500_000
"""Of those about a false level-1 root: 26 bisections, the dearest proof, bringing up, settling."""


def gas_ahead(board: Board, claims: Claims, decided: bool = False) -> int:
    """Gas that the game about these claims may still take. `decided`: L1 has confirmed the own assertion."""
    root = board.get(claims.root.id)
    records = (board.get(edge.id) for edge in claims.step_roots())
    unproven = [found for found in records if found and found.place.winner is None and not _has_proof(found)]
    is_played = root is not None and root.is_rivalled and not decided
    return TRACE_GAS * is_played + STEPS_GAS * len(unproven)


def wei_of(l1: L1, gas: int) -> int:
    """What so much gas may cost, the base fee twice what it is."""
    base: int = l1.web3.eth.get_block("latest")["baseFeePerGas"]
    return gas * (2 * base + l1.web3.eth.max_priority_fee)


def _has_proof(record: Record) -> bool:
    """Whether a step below was proven."""
    return record.is_proven or any(_has_proof(child) for child in record.children or ())
