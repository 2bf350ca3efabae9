"""Calls of the game and of its rollup as the contracts take them."""

from dataclasses import dataclass

from tandem.disputes.edges import Edge, Opening, Path
from tandem.disputes.moves import Bisect, Lift, Move, OpenSteps, Prove, RefundSteps, RefundTrace, SettleSteps, Update
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash
from tests.support.revm import call_data

ORIGIN = keccak(b"genesis")
"""ToyRollup.GENESIS."""
EDGE = "(bytes32,uint8,uint8,uint64,bytes32,bytes32)"
OPENING = "(bytes32,bytes32,bytes32[])"
PATH = "(uint64,bytes32,bytes32[])"
LIFT = f"({EDGE},{PATH},{EDGE}[])"


@dataclass(frozen=True, slots=True)
class Decision:
    """About an assertion, which claims an end and a root."""

    end: Hash
    root: Hash

    @property
    def assertion(self) -> Hash:
        """Its id."""
        return keccak(ORIGIN + self.end + self.root)


@dataclass(frozen=True, slots=True)
class Assert(Decision):
    """createAssertion"""

    end_proof: tuple[Hash, ...]


class Confirm(Decision):
    """confirmAssertion"""


class Reject(Decision):
    """rejectAssertion"""


class ClaimBond(Decision):
    """claimBond"""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """withdraw"""

    to: str


Call = Move | Assert | Confirm | Reject | ClaimBond | Withdraw


def is_for_rollup(call: Call) -> bool:
    """Whether it goes to the rollup."""
    return isinstance(call, Decision)


def encoded(call: Call) -> bytes:
    """Its calldata."""
    match call:
        case Assert():
            return call_data("createAssertion(bytes32,bytes32,bytes32[])", call.end, call.root, call.end_proof)
        case Confirm():
            return call_data("confirmAssertion(bytes32)", call.assertion)
        case Reject():
            return call_data("rejectAssertion(bytes32)", call.assertion)
        case ClaimBond():
            return call_data("claimBond(bytes32)", call.assertion)
        case Withdraw():
            return call_data("withdraw(address)", call.to)
        case Bisect():
            return call_data(f"bisect({EDGE},bytes32,bytes32)", fields(call.edge), call.left, call.right)
        case OpenSteps():
            values = fields(call.leaf), shown(call.opening), call.root, call.end_proof
            return call_data(f"openSteps({EDGE},{OPENING},bytes32,bytes32[])", *values)
        case Prove():
            return call_data(f"prove({EDGE},{OPENING},bytes)", fields(call.edge), shown(call.opening), call.witness)
        case Update():
            return call_data(f"update({LIFT}[])", [lift(one) for one in call.lifts])
        case SettleSteps():
            return call_data(f"settleSteps({EDGE},bytes32[])", fields(call.root), call.losers)
        case RefundTrace():
            shown_way = fields(call.root), way(call.path)
            return call_data(f"refundTrace(bytes32,{EDGE},{PATH})", call.assertion, *shown_way)
        case RefundSteps():
            return call_data(f"refundSteps({EDGE},{PATH})", fields(call.root), way(call.path))


def fields(edge: Edge) -> tuple[Hash, int, int, int, Hash, Hash]:
    """An Edge as the contract has it."""
    return edge.origin, edge.level, edge.height, edge.index, edge.prefix, edge.root


def shown(opening: Opening) -> tuple[Hash, Hash, tuple[Hash, ...]]:
    """An Opening."""
    return opening.prefix, opening.state, opening.siblings


def lift(one: Lift) -> tuple[object, ...]:
    """A Lift."""
    return fields(one.top), way(one.path), [fields(root) for root in one.step_roots]


def way(path: Path) -> tuple[int, Hash, tuple[Hash, ...]]:
    """A Path."""
    return path.index, path.node, path.siblings
