"""A lie on L1 against the challenger, at full depth, from real processes: it loses its bonds, and the right side loses
nothing."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from localnet import LocalNet, Ports
from story.stage import ETHER
from tandem.disputes.edges import Level
from tandem.disputes.lies import Cheat
from tandem.l1.signer import development_account
from tandem.primitives.types import Hash
from tandem.rollup.assertions import Status
from tests.support.attacker import Attacker
from tests.support.network import USERS, Harness

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
CHALLENGER = development_account(9).address
GAME_SECONDS = 300.0


@pytest.fixture
def net(tmp_path: Path) -> Iterator[LocalNet]:
    with LocalNet(tmp_path, Ports.free()) as running:
        running.start_l1()
        running.deploy()
        running.start_sequencer("--no-asserter")
        running.start_challenger("--assert-after", "0", play=True)
        yield running


def after_the_window(harness: Harness) -> None:
    """Let L1's clock run on by the challenge window."""
    harness.l1_rpc("evm_increaseTime", harness.deployment.l1.challenge_window)
    harness.l1_rpc("evm_mine")


@pytest.fixture
def harness(net: LocalNet) -> Harness:
    """The network with a batch of something on L1."""
    ready = Harness(net)
    ready.deposit(USERS[0], 10 * ETHER)
    ready.l2.send(USERS[0], {"to": USERS[3].address, "value": ETHER, "gas": 200_000})
    ready.all_on_l1()
    return ready


@pytest.fixture
def attacker(net: LocalNet, harness: Harness, tmp_path: Path) -> Iterator[Attacker]:
    stopping = Event()
    liar = Attacker(net.deployment, harness.contracts, USERS[4], tmp_path / "attacker", stopping)
    liar.read()
    yield liar
    stopping.set()
    liar.join(20)
    liar.close()


@pytest.mark.slow
def test_a_lie_is_disputed_down_to_one_step_and_pays_for_it(harness: Harness, attacker: Attacker) -> None:
    at_start = harness.l1.web3.eth.get_balance(CHALLENGER)
    [genesis] = attacker.reader.book
    lie = Hash(attacker.lie(genesis, Cheat.BALANCE))
    attacker.start()
    harness.wait("a step is proven", lambda: proven(attacker), GAME_SECONDS)
    [step] = proven(attacker)
    assert step.edge.level == Level.STEPS and step.edge.height == 0
    after_the_window(harness)
    assert_the_verdict(harness, attacker, genesis.id, lie)
    assert attacker.moves == 20 + 1 + 26, "the attacker fought to the last step"
    assert harness.l1.web3.eth.get_balance(CHALLENGER) >= at_start


@pytest.mark.slow
def test_the_game_goes_on_after_kill_9_and_a_reorg(net: LocalNet, harness: Harness, attacker: Attacker) -> None:
    at_start = harness.l1.web3.eth.get_balance(CHALLENGER)
    [genesis] = attacker.reader.book
    lie = Hash(attacker.lie(genesis, Cheat.BALANCE))
    attacker.start()
    for edges in (30, 110):
        harness.wait(f"{edges} edges", lambda edges=edges: len(attacker.reader.board) >= edges, GAME_SECONDS)
        net.kill("challenger")
        net.start_challenger("--assert-after", "0", play=True)
    harness.l1_rpc("anvil_reorg", 8, [])
    harness.wait("a step is proven", lambda: proven(attacker), GAME_SECONDS)
    net.kill("challenger")
    after_the_window(harness)
    net.start_challenger("--assert-after", "0", play=True)
    assert_the_verdict(harness, attacker, genesis.id, lie)
    assert harness.l1.web3.eth.get_balance(CHALLENGER) >= at_start


def assert_the_verdict(harness: Harness, attacker: Attacker, parent: Hash, lie: Hash) -> None:
    """The lie loses, all bonds go where they belong, and the page has nothing more to show."""
    harness.wait("the verdict", lambda: is_over(harness, attacker, parent, lie), GAME_SECONDS)
    page = harness.net.challenger_status
    status = harness.wait("the page says so", lambda: (s := page()) and is_quiet(s) and s)
    assert not status["alarms"]
    game = harness.contracts.game.functions
    credits = sum(game.credit(account.address).call() for account in USERS)
    assert harness.l1.web3.eth.get_balance(harness.contracts.game.address) == game.pool().call() + credits


def is_quiet(status: dict[str, Any]) -> bool:
    """The challenger has nothing to do and nothing at stake."""
    return not status["games"] and status["playing"]["at_stake"] == status["playing"]["credit"] == 0


def proven(attacker: Attacker) -> list[Any]:
    return [record for record in list(attacker.reader.board) if record.is_proven]


def is_over(harness: Harness, attacker: Attacker, parent: Hash, lie: Hash) -> bool:
    """The right child is confirmed, the lie rejected, and all bonds and credits of the challenger are fetched."""
    children = attacker.reader.book.children(parent)
    right = [child for child in children if child.id != lie and child.is_bond_claimed]
    wrong = attacker.reader.book.get(lie)
    credit = harness.contracts.game.functions.credit(CHALLENGER).call()
    is_settled = all(root.is_settled for root in list(attacker.reader.board) if root.edge.level == 1 and root.mover)
    return bool(right) and wrong is not None and wrong.status == Status.REJECTED and is_settled and credit == 0
