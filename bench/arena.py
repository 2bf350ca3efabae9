"""A local network on which liars are let loose on a challenger that plays, and what it makes of them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from hexbytes import HexBytes

from bench.burners import Burner
from bench.fight import Fight
from bench.l1_clock import L1Clock
from bench.process import Usage
from bench.replies import Replies
from localnet import LocalNet, Ports
from story.game_view import Account, Accounts
from story.stage import ETHER
from tandem.disputes.lies import Cheat
from tandem.l1.assertion_book import Assertion
from tandem.node.player import leaves_below
from tandem.primitives.hashing import word
from tandem.primitives.types import Address
from tandem.rollup.assertions import Status
from tests.support.assembler import deploying
from tests.support.battle import CHALLENGER, Attack, Battle
from tests.support.network import USERS
from tests.support.observer import Observer

POLL = 0.5
"""Seconds between two looks at a game: what is measured is L1's clock's."""
PATIENCE = 1_500.0
"""Seconds for anything. Liar and challenger both make a tree over 10,000,000 states."""
REST = 5.0
"""Seconds without a transaction after which the challenger has nothing more to send."""
DEPLOY_GAS = 8_000_000
USER = USERS[0]


class Arena:
    """A network. The batches of a fight are posted before the one before it begins, whose right assertion is then the
    parent: so each fight is about its own transactions alone."""

    def __init__(self, net: LocalNet, observer: Observer, clock: L1Clock) -> None:
        self.battle = Battle(net, observer)
        self._clock = clock
        self._calls = 0
        self._burners: dict[Address, str] = {}
        """Address in the genesis of measurements -> here."""
        self._tip: Assertion | None = None
        self._nonce, self._nonce_at = 0, 0.0

    def prepare(self, burners: Sequence[Burner]) -> None:
        """Put money and contracts on L2."""
        harness = self.battle.harness
        harness.deposit(USER, 1_000 * ETHER)
        for burner in burners:
            init = {"data": deploying(burner.code), "value": 0, "gas": DEPLOY_GAS}
            self._burners[burner.address] = harness.l2.send(USER, init).receipt["contractAddress"]
        self._until("every block in a batch", partial(self._is_derived, harness.l2.web3.eth.block_number))

    def burn(self, burner: Burner, gas: int, count: int = 1) -> list[HexBytes]:
        """Transactions in batches on L1, known to the challenger. Their hashes."""
        harness = self.battle.harness
        nonce = harness.l2.web3.eth.get_transaction_count(USER.address)
        sent = []
        for index in range(count):
            self._calls += 1
            call = {"to": self._burners[burner.address], "data": word(self._calls), "value": 0, "gas": gas + 21_000}
            sent.append(harness.l2.submit(USER, call, nonce + index))
        for digest in sent:
            assert harness.l2.wait_for(digest)["status"] == 1, "a burner ran out of gas"
        self._until("the transactions on L1", partial(self._is_derived, harness.l2.web3.eth.block_number))
        return sent

    def open(self) -> None:
        """The assertion on genesis, which nobody disputes. Its child consumes all that is on L1 now."""
        self.battle.observer.look()
        self._tip = self.battle.advance(self.battle.observer.genesis)

    def fight(self, name: str, about: Sequence[HexBytes], versions: int = 1) -> Fight:
        """Let liars loose on a challenger just started, an account for each lie, until it is over; then settle.

        `about`: transactions that log. `versions`: lies about each.
        """
        battle, contracts = self.battle, self.battle.harness.contracts
        parent = self._tip
        assert parent is not None
        places = self._places(parent, about)
        lies = [f"{Cheat.LOG}/{place}/{salt}" for place in places for salt in range(versions)]
        is_over = self._is_answered if len(lies) > 1 else self._is_proven
        account = Account("challenger", CHALLENGER.address)
        accounts = Accounts(contracts, (account,))
        first, before = contracts.web3.eth.block_number + 1, battle.wealth()
        battle.net.stop("challenger")
        battle.net.start_challenger(play=True)
        usage = Usage(battle.net.children["challenger"].pid)
        attack = battle.attack(parent, *lies, name=name)
        self._until("the false assertions", lambda: len(attack.asserted) == len(lies))
        self._until("the end of the game", lambda: is_over(attack, parent))
        replies = Replies(contracts, self._clock, CHALLENGER.address, first)
        cpu, memory = usage.cpu_seconds, usage.peak_memory
        told = attack.told("asserted")
        battle.stop(attack)
        self._tip = self._settle(parent)
        accounts.read()
        return Fight(
            len(lies),
            len({line["leaf"] for line in told}),
            max(line["step"] for line in told),
            tuple(replies.all),
            max(reply.at for reply in replies.all) - replies.first,
            cpu,
            account.calls,
            account.gas,
            account.wei,
            battle.wealth() - before,
            memory,
        )

    def _places(self, parent: Assertion, about: Sequence[HexBytes]) -> list[int]:
        """Where they are among all transactions that log behind an assertion: a lie is told of the n-th."""
        eth = self.battle.harness.l2.web3.eth
        first = eth.get_block(HexBytes(parent.opening.state.block_hash))["number"] + 1
        last = max(eth.get_transaction_receipt(digest)["blockNumber"] for digest in about)
        every = (digest for number in range(first, last + 1) for digest in eth.get_block(number)["transactions"])
        receipts = [eth.get_transaction_receipt(digest) for digest in every if isinstance(digest, HexBytes)]
        logging = [receipt["transactionHash"] for receipt in receipts if receipt["logs"]]
        return [logging.index(digest) for digest in about]

    # -- when a game is over

    def _is_proven(self, attack: Attack, parent: Assertion) -> bool:
        """Of one false root: whether the step that parts it from the right one is proven."""
        observer = self.battle.observer
        observer.look()
        leaves = (leaf for root in observer.board.trace_roots(parent.id) for leaf in leaves_below(root))
        steps = (step for leaf in leaves for root in leaf.step_roots for step in leaves_below(root))
        return any(step.is_proven for step in steps)

    def _is_answered(self, attack: Attack, parent: Assertion) -> bool:
        """Whether neither the attacker nor, by an onlooker's own derivation, the honest side owes an answer."""
        observer = self.battle.observer
        observer.look()
        return attack.is_quiet(len(observer.board), observer.time) and observer.is_answered(parent)

    # -- behind it

    def _settle(self, parent: Assertion) -> Assertion:
        """Let the window pass until all is paid. Gives the right child."""
        battle = self.battle
        [right] = [child for child in self._children(parent) if child.asserter == CHALLENGER.address]
        battle.travel(battle.window + 1)
        self._until("the verdict", lambda: self._statuses(parent)[right.id] == Status.CONFIRMED)
        wrong = set(self._statuses(parent)) - {right.id}
        self._until("the rejections", lambda: all(self._statuses(parent)[key] == Status.REJECTED for key in wrong))
        self._until("all bonds and refunds", self._is_paid)
        [settled] = [child for child in self._children(parent) if child.id == right.id]
        return settled

    def _children(self, parent: Assertion) -> list[Assertion]:
        self.battle.observer.look()
        return list(self.battle.observer.book.children(parent.id))

    def _statuses(self, parent: Assertion) -> dict[bytes, Status]:
        return {child.id: child.status for child in self._children(parent)}

    def _is_paid(self) -> bool:
        self.battle.observer.look()
        playing = self._playing()
        is_settled = not list(self.battle.observer.unsettled())
        return is_settled and not int(playing["at_stake"]) and not int(playing["credit"]) and self._is_at_rest()

    def _is_at_rest(self) -> bool:
        """Whether the challenger has sent nothing for a while."""
        now, nonce = time.monotonic(), self.battle.harness.l1.web3.eth.get_transaction_count(CHALLENGER.address)
        if nonce != self._nonce:
            self._nonce, self._nonce_at = nonce, now
        return now - self._nonce_at >= REST

    def _playing(self) -> dict[str, Any]:
        status = self.battle.net.challenger_status()
        assert status is not None, "the challenger does not answer"
        playing: dict[str, Any] = status["playing"]
        return playing

    def _is_derived(self, head: int) -> bool:
        """Whether a block is on L1, and the challenger has it from there."""
        if self.battle.harness.l2.web3.eth.get_block("safe")["number"] < head:
            return False
        status = self.battle.net.challenger_status()
        return status is not None and status["head"] >= head

    def _until(self, what: str, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not ready():
            if time.monotonic() >= end:
                raise RuntimeError(f"not after {PATIENCE:.0f} s: {what}")
            self.battle.net.check()
            time.sleep(POLL)


@contextmanager
def arena(folder: Path) -> Iterator[Arena]:
    """With a challenger that plays and no one else who asserts."""
    with LocalNet(folder, Ports.free()) as net:
        net.start_l1()
        net.deploy()
        net.start_sequencer("--batch-age", "500", "--no-asserter")
        net.start_challenger(play=True)
        with Observer(net.deployment, net.l1_url, folder / "observer") as observer, L1Clock(net.l1_url) as clock:
            yield Arena(net, observer, clock)
