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

pytestmark = pytest.mark.e2e
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


def test_a_lie_is_disputed_down_to_one_step_and_pays_for_it(net: LocalNet, tmp_path: Path) -> None:
    harness = Harness(net)
    harness.deposit(USERS[0], 10 * ETHER)
    harness.l2.send(USERS[0], {"to": USERS[3].address, "value": ETHER, "gas": 200_000})
    harness.all_on_l1()
    at_start = harness.l1.web3.eth.get_balance(CHALLENGER)

    stopping = Event()
    attacker = Attacker(net.deployment, harness.contracts, USERS[4], tmp_path / "attacker", stopping)
    try:
        attacker.read()
        [genesis] = attacker.reader.book
        lie = Hash(attacker.lie(genesis, Cheat.BALANCE))
        attacker.start()
        harness.wait("a step is proven", lambda: proven(attacker), GAME_SECONDS)
        [step] = proven(attacker)
        assert step.edge.level == Level.STEPS and step.edge.height == 0
        after_the_window(harness)
        harness.wait("the verdict", lambda: is_over(harness, attacker, genesis.id, lie), GAME_SECONDS)
    finally:
        stopping.set()
        attacker.join(20)
        attacker.close()

    status = harness.wait("the page says so", lambda: (s := net.challenger_status()) and is_quiet(s) and s)
    assert not status["alarms"]
    assert attacker.moves == 20 + 1 + 26, "the attacker fought to the last step"
    assert harness.l1.web3.eth.get_balance(CHALLENGER) >= at_start
    game = harness.contracts.game.functions
    assert harness.l1.web3.eth.get_balance(harness.contracts.game.address) == game.pool().call() + sum(
        game.credit(account.address).call() for account in [*USERS, development_account(2)]
    )


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
