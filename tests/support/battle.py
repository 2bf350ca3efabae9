"""A network under attack: attackers' processes, L1's clock, and how the games went."""

import json
import sys
from dataclasses import dataclass
from typing import Any

from localnet import LocalNet
from localnet.network import ROOT
from localnet.process import Child
from story.stage import ETHER
from tandem.l1.assertion_book import Assertion
from tandem.l1.signer import development_account
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Status
from tests.support.network import Harness
from tests.support.observer import Observer

CHALLENGER = development_account(9)
FUNDS = 100 * ETHER
TRAVEL = 300
"""L1 seconds of a jump in time, at most."""
QUIET = 300.0
"""Seconds that a game may take to come to rest."""


@dataclass(frozen=True, slots=True)
class Attack:
    """An attacker's process and what it says."""

    name: str
    child: Child
    accounts: tuple[str, ...]

    def told(self, event: str) -> list[dict[str, Any]]:
        """Its status lines of one kind."""
        lines = self.child.log.read_text(errors="replace").splitlines()
        found = (json.loads(line) for line in lines if line.startswith('{"event"'))
        return [line for line in found if line["event"] == event]

    @property
    def asserted(self) -> dict[Hash, str]:
        """Its assertions, and the lie in each."""
        return {Hash(bytes.fromhex(line["id"])): line["lie"] for line in self.told("asserted")}

    def is_quiet(self, edges: int, now: int) -> bool:
        """Whether it has seen so many edges at that L1 time, and has no answer to them."""
        lines = self.child.log.read_text(errors="replace").splitlines()
        said = next((json.loads(line) for line in reversed(lines) if line.startswith('{"event": "quiet"')), None)
        return said is not None and said["edges"] == edges and said["time"] >= now


class Battle:
    """One network's attackers and the onlooker."""

    def __init__(self, net: LocalNet, observer: Observer) -> None:
        self.net = net
        self.harness = Harness(net)
        self.observer = observer
        self.attacks: list[Attack] = []
        self.window = int(net.deployment.l1.challenge_window)
        self._next_account = 20

    def attack(
        self, parent: Assertion, *lies: str, name: str, each: int = 1, more: int = 0, options: tuple[str, ...] = ()
    ) -> Attack:
        """Start an attacker. `each`: lies of one account; `more`: accounts that its options take besides."""
        first, count = self._next_account, -(-len(lies) // each) + more
        self._next_account += count
        accounts = tuple(development_account(index).address for index in range(first, first + count))
        for account in accounts:
            self.harness.l1_rpc("anvil_setBalance", account, hex(FUNDS))
        command = [sys.executable, "-m", "tests.support.adversary", "--deployment", str(self.net.deployment_path)]
        command += ["--l1", self.net.l1_url, "--data", str(self.net.folder / name), "--parent", parent.id.hex()]
        command += ["--account", str(first), "--each", str(each), *options]
        command += [part for lie in lies for part in ("--lie", lie)]
        log = self.net.folder / "logs" / f"{name}.log"
        child = self.net.children[name] = Child(name, command, log, {"PYTHONPATH": str(ROOT)})
        attack = Attack(name, child, accounts)
        self.attacks.append(attack)
        return attack

    def wait_for_assertions(self, attack: Attack, count: int) -> None:
        """Until all of an attacker's are on L1."""
        self.harness.wait(f"{count} assertions of {attack.name}", lambda: len(attack.asserted) == count)

    def stop(self, *attacks: Attack) -> None:
        """End attackers' processes."""
        for attack in attacks:
            self.attacks.remove(attack)
            self.net.stop(attack.name)

    def advance(self, parent: Assertion) -> Assertion:
        """The right child of an assertion, made by someone who does nothing else."""
        first = self.attack(parent, "honest", name=f"honest-{self._next_account}", options=("--behaviour", "idle"))
        self.wait_for_assertions(first, 1)
        self.stop(first)
        return self.right_child(parent)

    def is_quiet(self) -> bool:
        """Whether nobody has anything to answer: attackers by their own word, the honest side by the onlooker's."""
        self.observer.look()
        edges, now = len(self.observer.board), self.observer.time
        attackers = all(attack.is_quiet(edges, now) for attack in self.attacks)
        return attackers and all(self.observer.is_answered(parent) for parent in list(self.observer.book))

    def rest(self) -> None:
        """Until it is quiet."""
        self.harness.wait("the games to come to rest", self.is_quiet, QUIET)

    def travel(self, seconds: int) -> None:
        """Move L1's clock."""
        self.harness.l1_rpc("evm_increaseTime", seconds)
        self.harness.l1_rpc("evm_mine")
        self.observer.look()

    def wait_out(self, right: Assertion) -> int:
        """Let time pass, when it is quiet, until an assertion is confirmed. Gives the L1 seconds since it was made."""
        while not self._is_confirmed(right):
            self.rest()
            left = self.window - self.observer.timer(right)
            if left > 0:
                self.travel(min(left, TRAVEL))
            else:
                self.harness.wait("the confirmation", lambda: self._is_confirmed(right))
        [log] = self.harness.contracts.rollup.events.AssertionConfirmed().get_logs(
            from_block=self.net.deployment.l1.start_block, argument_filters={"id": right.id}
        )
        return int(self.harness.l1.web3.eth.get_block(log["blockNumber"])["timestamp"]) - right.made_at

    def _is_confirmed(self, assertion: Assertion) -> bool:
        self.observer.look()
        found = self.observer.book.get(assertion.id)
        return found is not None and found.status == Status.CONFIRMED

    def right_child(self, parent: Assertion) -> Assertion:
        """Of an assertion, when L1 has it."""

        def found() -> Assertion | None:
            self.observer.look()
            return self.observer.right_child(parent)

        right: Assertion = self.harness.wait("the right assertion", found)
        return right

    def edges(self) -> int:
        """On the board now."""
        self.observer.look()
        return len(self.observer.board)

    def wait_for_edges(self, count: int) -> None:
        """Until so many are on the board."""
        self.harness.wait(f"{count} edges", lambda: self.edges() >= count, QUIET)

    def timer(self, assertion: Hash) -> int:
        """Of an assertion's root now, all timers brought up, seconds."""
        self.observer.look()
        entry = self.observer.book.get(assertion)
        assert entry is not None
        return self.observer.timer(entry)

    def tip(self) -> Assertion:
        """The last of the assertions that are confirmed."""
        self.observer.look()
        entry = self.observer.book.get(self.observer.book.latest_confirmed)
        assert entry is not None
        return entry

    def wealth(self) -> int:
        """Wei of the challenger: in its account, credited, and in bonds that it will get back."""
        game, rollup = self.harness.contracts.game.functions, self.harness.contracts.rollup.functions
        self.observer.look()
        bonds = sum(
            entry.asserter == CHALLENGER.address and entry.status != Status.REJECTED and not entry.is_bond_claimed
            for entry in self.observer.book
        )
        own: int = self.harness.l1.web3.eth.get_balance(CHALLENGER.address)
        credit: int = game.credit(CHALLENGER.address).call()
        return own + credit + bonds * int(rollup.bond().call())
