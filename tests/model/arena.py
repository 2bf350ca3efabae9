"""The contracts on revm and the model side by side: every call goes to both, and they must agree."""

from dataclasses import dataclass

import rlp

from tandem.disputes.edges import Edge, Level
from tandem.disputes.events import Bisected, Event, Inherited, Opened, Proven, StepRootLost, StepRootWon
from tandem.disputes.moves import Bisect, OpenSteps
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Hash
from tests.model.calls import EDGE, ORIGIN, Assert, Call, encoded, fields, is_for_rollup
from tests.model.game_model import Debt, GameModel, Outcome, Terms
from tests.model.knowledge import Knowledge
from tests.model.places import Refused, spot
from tests.support.revm import DEPLOYER, Log, Receipt, Revm, call_data, decode_result
from tests.support.solidity import Compiled

PRICE = 10**9
"""Wei a unit of gas, paid by all: the most that is refunded where the base fee is 0."""
GENESIS_TIME = 1_000_000
"""Seconds."""
WEALTH = 10**24
"""Wei of each party at the start."""
TOPICS = {
    keccak(signature.encode()): signature[: signature.index("(")]
    for signature in (
        f"EdgeOpened(bytes32,bytes32,address,{EDGE})",
        "EdgeBisected(bytes32,bytes32,bytes32)",
        "EdgeProven(bytes32,address)",
        "TimerInherited(bytes32,uint40)",
        "StepRootWon(bytes32,bytes32)",
        "StepRootLost(bytes32,bytes32)",
        "Credited(address,uint256)",
    )
}
WORK_BESIDES = 120_000
"""Gas that a cost may have on top of its transaction's: allowances for an edge, what follows the measurement, and what
calldata is reckoned to cost at most."""
ROOT_BESIDES = 600_000
"""The same of a root."""


class Disagreement(AssertionError):
    """The contract did what it must not do."""


@dataclass(frozen=True, slots=True)
class Build:
    """The contracts to put into an arena."""

    game: Compiled
    rollup: Compiled
    machine: Compiled


class Arena:
    """One dispute."""

    def __init__(self, build: Build, terms: Terms, knowledge: Knowledge) -> None:
        self.terms = terms
        self.knowledge = knowledge
        self.model = GameModel(terms, knowledge.step)
        self.events: list[Event] = []
        self.gas_paid = 0
        """By all, wei."""
        self._revm = Revm()
        self.time = GENESIS_TIME
        self.machine = self._revm.deploy(build.machine, ("uint256",), (knowledge.longest,))
        rollup = created(DEPLOYER, self._revm.evm.basic(DEPLOYER).nonce + 1)
        values = rollup, self.machine, terms.trace_height, terms.step_height, terms.window, terms.step_bond
        types = ("address", "address", "uint8", "uint8", "uint40", "uint256")
        self.game = self._revm.deploy(build.game, types, values)
        values_of_rollup = self.game, terms.start, terms.bond
        self.rollup = self._revm.deploy(build.rollup, ("address", "bytes32", "uint256"), values_of_rollup)
        assert self.rollup.lower() == rollup
        assert knowledge.exits, "a run without an end"
        for state, end in knowledge.exits.items():
            self.finish(state, end)

    # -- time

    @property
    def time(self) -> int:
        """L1's, seconds."""
        return self.model.now

    @time.setter
    def time(self, now: int) -> None:
        self.model.now = now
        self._revm.set_time(now)

    # -- parties

    def enter(self, party: str) -> None:
        """Gives a party its wealth."""
        self._revm.evm.set_balance(party, WEALTH)

    def balance(self, party: str) -> int:
        """Of its account, wei."""
        return int(self._revm.evm.get_balance(party))

    def finish(self, state: Hash, end: Hash) -> None:
        """Tells the machine where a run ends."""
        self.knowledge.exits[state] = end
        assert self._revm.send(DEPLOYER, self.machine, call_data("finish(bytes32,bytes32)", state, end)).success

    # -- calls

    def send(self, sender: str, call: Call, value: int | None = None) -> bool:
        """Whether the call succeeded: in the contract and in the model alike. `value`: what is needed, if not given."""
        if value is None:
            value = self._bond(call)
        to = self.rollup if is_for_rollup(call) else self.game
        receipt = self._revm.send(sender, to, encoded(call), value, PRICE)
        self.gas_paid += receipt.gas_used * PRICE
        try:
            outcome = self.model.take(call, sender, value)
        except Refused as refusal:
            if receipt.success:
                raise Disagreement(f"{call} must revert: {refusal}") from None
            return False
        if not receipt.success:
            raise Disagreement(f"{call} must succeed, it threw 0x{receipt.output.hex()}")
        self.events += [event for log in receipt.logs if (event := decoded(log, self.time)) is not None]
        if outcome.costly is not None:
            self._take_cost(outcome.costly, receipt)
        if outcome.works:
            self._take_work(outcome.works, receipt, is_all=outcome.is_all_work)
        if outcome.collector is not None:
            self._take_payment(outcome, receipt)
        if isinstance(call, Bisect):
            self.knowledge.learn(call.edge.prefix, call.left)
        for edge in outcome.touched:
            self.check(edge)
        self.check_money()
        return True

    def _bond(self, call: Call) -> int:
        if isinstance(call, Assert):
            return self.terms.bond
        return self.terms.step_bond if isinstance(call, OpenSteps) else 0

    def _take_cost(self, edge: Edge, receipt: Receipt) -> None:
        """The cost that the contract keeps of making an edge is what that has cost and a bounded allowance."""
        cost = self.record(edge.id)[2]
        is_root = edge in self.model.claim or edge.height == self.terms.trace_height
        self._check_cost(cost, receipt.gas_used, ROOT_BESIDES if is_root else WORK_BESIDES)
        self.model.debts[edge].cost = cost

    def _take_work(self, keys: list[Hash], receipt: Receipt, *, is_all: bool) -> None:
        """The same of work, by one transaction."""
        costs = [self.work(key)[1] for key in keys]
        self._check_cost(sum(costs), receipt.gas_used if is_all else 0, ROOT_BESIDES * len(keys))
        for key, cost in zip(keys, costs, strict=True):
            self.model.work_debts[key].cost = cost

    def _check_cost(self, cost: int, gas: int, besides: int) -> None:
        least = gas * PRICE // 10**9
        if not least <= cost <= least + besides * PRICE // 10**9:
            raise Disagreement(f"a move cost {least} gwei, the contract keeps {cost}")

    def _take_payment(self, outcome: Outcome, receipt: Receipt) -> None:
        """Who settles, or has others paid, is paid what that cost him, as far as there is anything."""
        collector, pool = outcome.collector, self.model.pool
        assert collector is not None
        paid = credited(receipt.logs, collector)
        limit = pool if outcome.most is None else min(outcome.most, pool)
        most = min((receipt.gas_used + WORK_BESIDES) * PRICE, limit)
        least = min((receipt.gas_used - outcome.gas_besides) * PRICE, limit - 10**9)
        if not least <= paid <= most:
            raise Disagreement(f"settling paid {paid}, expected {least} to {most}")
        self.model.pool -= paid
        self.model.credits[collector] += paid

    # -- what must hold

    def check(self, edge: Edge) -> None:
        """The contract's record, clock and timer of an edge are the model's."""
        model = self.model
        is_made = bool(decode_result("bool", self._look(f"exists({EDGE})", fields(edge))))
        if is_made != (edge in model.made):
            raise Disagreement(f"{edge} is made: {is_made}, expected {not is_made}")
        claims = [at for at, _ in model.history[spot(edge)][:2]] if is_made else []
        clock = decode_result("uint40,uint40", self._look("clock(bytes32)", edge.place))
        if is_made and clock != (claims[0], claims[1] if len(claims) > 1 else 0):
            raise Disagreement(f"{edge}: clock {clock}, expected {claims}")
        if edge in model.debts:
            self._check_record(edge, model.debts[edge])
        self.check_timer(edge, {})

    def _check_record(self, edge: Edge, debt: Debt) -> None:
        """Of a root or a right half: what moves have cost is kept with them."""
        model = self.model
        is_first = model.history[spot(edge)][0][1] == edge
        expected = debt.mover, model.kept[edge], debt.cost, is_first, edge in model.shown
        if self.record(edge.id) != expected:
            raise Disagreement(f"{edge}: {self.record(edge.id)}, expected {expected}")

    def check_timer(self, edge: Edge, known: dict[Edge, int]) -> None:
        """The contract's timer is as it was brought up, and never more than it truly is."""
        timer = int(decode_result("uint256", self._look(f"timer({EDGE})", fields(edge))))
        if timer != self.model.timer_kept(edge):
            raise Disagreement(f"{edge}: timer {timer}, expected {self.model.timer_kept(edge)}")
        if timer > self.model.timer_true(edge, known):
            raise Disagreement(f"{edge}: timer {timer}, truly {self.model.timer_true(edge, known)}")

    def check_timers(self) -> None:
        """Of all edges."""
        known: dict[Edge, int] = {}
        for edge in self.model.made:
            self.check_timer(edge, known)

    def check_money(self) -> None:
        """Every wei is where the model has it."""
        held = self.balance(self.game)
        if held != self.model.held:
            raise Disagreement(f"the game holds {held}, expected {self.model.held}")
        pool = decode_result("uint256", self._look("pool()"))
        if pool != self.model.pool:
            raise Disagreement(f"the pool is {pool}, expected {self.model.pool}")
        for who, amount in self.model.credits.items():
            if self.credit(who) != amount:
                raise Disagreement(f"{who} has a credit of {self.credit(who)}, expected {amount}")

    def credit(self, who: str) -> int:
        """What someone may fetch, wei."""
        return int(decode_result("uint256", self._look("credit(address)", who)))

    def record(self, edge_id: Hash) -> tuple[str, int, int, bool, bool]:
        """Mover, inherited, cost, whether it was the first, whether it was shown to be true."""
        data = self._look("getRecord(bytes32)", edge_id)
        return decode_result("address,uint40,uint40,bool,bool", data)  # type: ignore[no-any-return]

    def work(self, key: Hash) -> tuple[str, int]:
        """Mover and cost of work on an edge or in a place."""
        return decode_result("address,uint40", self._look("getWork(bytes32)", key))  # type: ignore[no-any-return]

    def _look(self, signature: str, *values: object) -> bytes:
        return self._revm.call(self.game, call_data(signature, *values))


def created(creator: str, nonce: int) -> str:
    """The address of a contract."""
    return "0x" + keccak(rlp.encode([bytes.fromhex(creator[2:]), nonce]))[12:].hex()


def decoded(log: Log, at: int) -> Event | None:
    """What a log tells who plays."""
    name, *topics = TOPICS.get(Hash(log.topics[0])), *map(Hash, log.topics[1:])
    match name:
        case "EdgeOpened":
            edge_id, claim, mover = topics
            origin, level, *rest = decode_result("bytes32,uint8,uint8,uint64,bytes32,bytes32", log.data)
            edge = Edge(origin, Level(level), *rest)
            assert edge.id == edge_id
            return Opened(edge, claim, Address(mover[12:]), at)
        case "EdgeBisected":
            left, right = decode_result("bytes32,bytes32", log.data)
            return Bisected(topics[0], left, right, at)
        case "EdgeProven":
            return Proven(topics[0], Address(topics[1][12:]))
        case "TimerInherited":
            return Inherited(topics[0], decode_result("uint40", log.data))
        case "StepRootWon":
            return StepRootWon(topics[0], topics[1])
        case "StepRootLost":
            return StepRootLost(topics[0], topics[1])
    return None


def credited(logs: tuple[Log, ...], collector: str) -> int:
    """What the last credit in these logs is, wei, where it is the collector's."""
    credits = [log for log in logs if TOPICS.get(Hash(log.topics[0])) == "Credited"]
    if not credits or credits[-1].topics[1][12:].hex() != collector[2:].lower():
        return 0
    return int(decode_result("uint256", credits[-1].data))


def terms_for(start: Hash, heights: tuple[int, int]) -> Terms:
    """Terms of a small game: T far above what answers take, bonds far above what moves cost."""
    return Terms(*heights, window=WINDOW, bond=BOND, step_bond=STEP_BOND, origin=ORIGIN, start=start)


WINDOW = 1000
"""T, seconds."""
BOND = 10**18
STEP_BOND = 10**17


def address(number: int) -> str:
    """A party's."""
    return f"0x{(0xA0 << 152) + number:040x}"
