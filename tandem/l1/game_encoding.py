"""What the dispute game's calls take and its events give: tuples in the order of the Solidity structs."""

from collections.abc import Mapping
from typing import Any

from web3.contract import Contract
from web3.contract.contract import ContractFunction

from tandem.disputes.edges import Edge, Level, Opening, Path
from tandem.disputes.events import Bisected, Event, Inherited, Opened, Proven, StepRootLost, StepRootWon
from tandem.disputes.moves import Bisect, Lift, Move, OpenSteps, Prove, RefundSteps, RefundTrace, SettleSteps, Update
from tandem.primitives.types import Address, Hash
from tandem.rollup import assertions
from tandem.rollup.assertions import State


def opening_of(args: Mapping[str, Any]) -> assertions.Opening:
    """The assertion that an AssertionCreated event speaks of."""
    fields = args["state"]
    state = State(
        Hash(fields["blockHash"]),
        Hash(fields["stateRoot"]),
        Hash(fields["withdrawalRoot"]),
        fields["batches"],
        fields["messages"],
    )
    return assertions.Opening(Hash(args["parentId"]), state, Hash(args["traceRoot"]), Hash(args["inboxAcc"]))


def edge_arguments(edge: Edge) -> tuple[object, ...]:
    """An Edge as web3 encodes it."""
    return (edge.origin, int(edge.level), edge.height, edge.index, edge.prefix, edge.root)


def move_call(game: Contract, move: Move) -> ContractFunction:
    """The DisputeGame's function that makes a move. `OpenSteps` takes the bond of a level-1 root along."""
    functions = game.functions
    match move:
        case Bisect():
            return functions.bisect(edge_arguments(move.edge), move.left, move.right)
        case OpenSteps():
            end_proof = list(move.end_proof)
            return functions.openSteps(edge_arguments(move.leaf), _shown(move.opening), move.root, end_proof)
        case Prove():
            return functions.prove(edge_arguments(move.edge), _shown(move.opening), move.witness)
        case Update():
            return functions.update([_lift(lift) for lift in move.lifts])
        case SettleSteps():
            return functions.settleSteps(edge_arguments(move.root), list(move.losers))
        case RefundTrace():
            return functions.refundTrace(move.assertion, edge_arguments(move.root), _path(move.path))
        case RefundSteps():
            return functions.refundSteps(edge_arguments(move.root), _path(move.path))


def _shown(opening: Opening) -> tuple[object, ...]:
    return (opening.prefix, opening.state, list(opening.siblings))


def _lift(lift: Lift) -> tuple[object, ...]:
    return (edge_arguments(lift.top), _path(lift.path), [edge_arguments(root) for root in lift.step_roots])


def _path(path: Path) -> tuple[object, ...]:
    return (path.index, path.node, list(path.siblings))


def game_event(name: str, args: Mapping[str, Any], at: int) -> Event:
    """One of GAME_EVENTS (game_reader.py)."""
    match name:
        case "EdgeOpened":
            return Opened(edge_of(args["edge"]), Hash(args["claim"]), _address(args["mover"]), at)
        case "EdgeBisected":
            return Bisected(Hash(args["id"]), Hash(args["left"]), Hash(args["right"]), at)
        case "EdgeProven":
            return Proven(Hash(args["id"]), _address(args["mover"]))
        case "TimerInherited":
            return Inherited(Hash(args["id"]), args["inherited"])
        case "StepRootWon":
            return StepRootWon(Hash(args["place"]), Hash(args["id"]))
        case "StepRootLost":
            return StepRootLost(Hash(args["place"]), Hash(args["id"]))
    raise ValueError(f"the board knows no event {name}")


def edge_of(fields: Mapping[str, Any]) -> Edge:
    """An Edge as web3 decodes it."""
    return Edge(
        Hash(fields["origin"]),
        Level(fields["level"]),
        fields["height"],
        fields["index"],
        Hash(fields["prefix"]),
        Hash(fields["root"]),
    )


def _address(value: str) -> Address:
    return Address(bytes.fromhex(value.removeprefix("0x")))
