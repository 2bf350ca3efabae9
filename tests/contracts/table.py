"""Games on a World, by the players of tandem.disputes: who made which move, what it cost him, and what stands where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from typing import Any

import ape

from tandem.disputes.board import Board
from tandem.disputes.edges import Edge, Level
from tandem.disputes.events import Bisected, Event, Inherited, Opened, Proven, StepRootLost, StepRootWon
from tandem.disputes.moves import Bisect, Due, Move, OpenSteps, Prove, RefundSteps, RefundTrace, SettleSteps, Update
from tandem.disputes.settlement import refunds, settlements
from tandem.disputes.strategy import next_moves
from tandem.disputes.traces import Claims
from tandem.disputes.updates import updates
from tests.contracts.world import STEP_BOND, WINDOW, Assertion, L2State, World, now
from tests.support.toy_machine import Claim, lie_at

TIP = 10**9  # wei a gas: what is always paid back
FEES = {"max_priority_fee": TIP, "max_fee": 100 * TIP}


def proves(due: Due) -> bool:
    return due.edge.level == Level.STEPS and due.edge.height == 0


@dataclass
class Player:
    """One who believes in an assertion."""

    account: Any
    assertion: Assertion
    claims: Claims
    given_up: set[bytes] = field(default_factory=set)
    """Own leaves that he cannot prove."""


@dataclass(frozen=True)
class Made:
    """A transaction in a game."""

    by: str
    name: str
    gas: int
    paid: int
    """Wei."""


class Table:
    """Where it is played. Reads what happens from receipts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.board = Board()
        self.made: list[Made] = []

    def sit(self, account: Any, assertion: Assertion) -> Player:
        """A player with his assertion made."""
        claim = assertion.claim
        claims = Claims(claim.origin, claim.start, assertion.trace, self.world.heights[1])
        player = Player(account, assertion, claims)
        self.note("createAssertion", self.world.teach(assertion).create(assertion, account, **FEES))
        return player

    def send(self, account: Any, method: Any, *arguments: Any, value: int = 0) -> Any:
        """A transaction of which the board takes note."""
        receipt = method(*arguments, sender=account, value=value, **FEES)
        return self.note(method.abis[0].name, receipt)

    def note(self, name: str, receipt: Any) -> Any:
        price = ape.chain.blocks[receipt.block_number].base_fee + TIP
        self.made.append(Made(receipt.sender, name, receipt.gas_used, receipt.gas_used * price))
        for log in receipt.decode_logs():
            event = event_of(log, receipt.timestamp)
            if event is not None:
                self.board.apply(event)
        return receipt

    def move(self, account: Any, move: Move) -> Any:
        """Makes any move."""
        game = self.world.game
        match move:
            case Bisect():
                return self.send(account, game.bisect, astuple(move.edge), move.left, move.right)
            case OpenSteps():
                arguments = (astuple(move.leaf), astuple(move.opening), move.root, move.end_proof)
                return self.send(account, game.openSteps, *arguments, value=STEP_BOND)
            case Prove():
                return self.send(account, game.prove, astuple(move.edge), astuple(move.opening), move.witness)
            case Update():
                return self.send(account, game.update, [astuple(lift) for lift in move.lifts])
            case SettleSteps():
                return self.send(account, game.settleSteps, astuple(move.root), list(move.losers))
            case RefundTrace():
                return self.send(account, game.refundTrace, move.assertion, astuple(move.root), astuple(move.path))
            case RefundSteps():
                return self.send(account, game.refundSteps, astuple(move.root), astuple(move.path))

    def turn(self, player: Player, but: Callable[[Due], bool] = lambda due: False) -> int:
        """His answers to all that stands there now, but for some. Gives their number."""
        made = 0
        for due in next_moves(self.board, player.claims):
            if due.edge.id not in player.given_up and not but(due):
                made += self._answer(player, due)
        return made

    def _answer(self, player: Player, due: Due) -> bool:
        before = player.account.balance
        try:
            self.move(player.account, player.claims.make(due))
        except ape.exceptions.ContractLogicError as refused:
            assert proves(due), f"{due.describe()}: {refused}"
            player.given_up.add(due.edge.id)
            self.made.append(Made(player.account.address, "refused", 0, before - player.account.balance))
            return False
        return True

    def play(self, *players: Player, but: Callable[[Due], bool] = lambda due: False) -> None:
        """Until nobody has an answer, but for some."""
        while sum(self.turn(player, but) for player in players):
            pass

    def bring_up(self, player: Player) -> None:
        """All timers that his root needs to win."""
        for update in updates(self.board, player.claims, now(), WINDOW):
            self.move(player.account, update)

    def confirm(self, player: Player) -> None:
        self.send(player.account, self.world.rollup.confirmAssertion, player.assertion.id)

    def settle(self, player: Player, *losers: Assertion) -> None:
        """Brings lost bonds to the pool, and back to him his own of level 1."""
        for loser in losers:
            self.send(player.account, self.world.rollup.rejectAssertion, loser.id)
        for settlement in settlements(self.board, player.claims, now(), WINDOW):
            self.move(player.account, settlement)

    def refund(self, player: Player) -> None:
        """Has all moves for his assertion paid."""
        for refund in refunds(self.board, player.claims, player.assertion.id, self):
            self.move(player.account, refund)

    def cash(self, player: Player) -> None:
        """What he has won, and his bond."""
        self.send(player.account, self.world.game.withdraw, player.account)
        self.send(player.account, self.world.rollup.claimBond, player.assertion.id)

    def unpaid(self, edge_id: bytes) -> bool:
        """Of the contract's ledger."""
        return bool(self.world.game.getRecord(edge_id).cost) or self.unpaid_work(edge_id)

    def unpaid_work(self, key: bytes) -> bool:
        """The same."""
        return bool(self.world.game.getWork(key).cost)

    def is_true(self, leaf_id: bytes) -> bool:
        """The same."""
        return bool(self.world.game.getRecord(leaf_id).isTrue)

    def by(self, account: Any) -> list[Made]:
        """All that someone made."""
        return [made for made in self.made if made.by == account.address]


class Duel(Table):
    """Two assertions about one batch, of which Bob's has a false state within the steps of one boundary."""

    def __init__(self, world: World, alice: Any, bob: Any) -> None:
        super().__init__(world)
        world.batch()
        truth = world.assertion(world.genesis_id, L2State(batches=1), leaves=8)
        self.leaf = 6
        """Of level 0, the first where they differ."""
        self.step = 2
        """Of level 1, the same."""
        lie = world.assertion(world.genesis_id, L2State(batches=1), leaves=8, alter=lie_at(self.leaf, self.step))
        assert len(truth.trace.steps(self.leaf).tree) > self.step + 1, "the lie is between others"
        world.teach(truth)
        self.honest, self.liar = self.sit(alice, truth), self.sit(bob, lie)

    def to_the_leaf(self) -> tuple[Edge, Edge]:
        """Plays until level 1 is to be opened. Gives both leaves."""
        self.play(self.honest, self.liar, but=lambda due: due.opens_steps)
        return self.honest.claims.leaf(self.leaf), self.liar.claims.leaf(self.leaf)

    def to_the_proof(self) -> tuple[Edge, Edge]:
        """Plays until a step is to be proven. Gives both claims about it."""
        self.play(self.honest, self.liar, but=proves)
        return self.step_claim(self.honest).edge(0, self.step), self.step_claim(self.liar).edge(0, self.step)

    def step_claim(self, player: Player) -> Claim:
        """What one of them says of the steps to the leaf."""
        assertion = player.assertion
        return assertion.claim.below(self.leaf, assertion.trace.steps(self.leaf))


def event_of(log: Any, at: int) -> Event | None:
    """A log as the board takes it. None for those it does not know."""
    args = log.event_arguments
    match log.event_name:
        case "EdgeOpened":
            origin, level, height, index, prefix, root = args["edge"]
            edge = Edge(bytes(origin), Level(level), height, index, bytes(prefix), bytes(root))
            return Opened(edge, bytes(args["claim"]), bytes.fromhex(args["mover"][2:]), at)
        case "EdgeBisected":
            return Bisected(bytes(args["id"]), bytes(args["left"]), bytes(args["right"]), at)
        case "EdgeProven":
            return Proven(bytes(args["id"]), bytes.fromhex(args["mover"][2:]))
        case "TimerInherited":
            return Inherited(bytes(args["id"]), args["inherited"])
        case "StepRootWon":
            return StepRootWon(bytes(args["place"]), bytes(args["id"]))
        case "StepRootLost":
            return StepRootLost(bytes(args["place"]), bytes(args["id"]))
    return None
