"""The challenger's own claims: by the parent and what it hands on, with their level-1 files."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from challenger.games import Games
from challenger.own_claim import OwnClaim
from tandem.chain.spec import MESSAGE_PASSER, Deployment, GenesisAccount
from tandem.l1.assertion_book import Assertion
from tandem.node.claims import genesis_opening
from tandem.node.commitments import Commitments
from tandem.node.step_files import StepFiles
from tandem.rollup.assertions import Status
from tests.support.chain import Node

ADDRESS = "0x" + "11" * 20
LEAF = 3


@pytest.fixture(scope="module")
def deployment(deployment: Deployment) -> Deployment:
    """With the account that an assertion shows."""
    accounts = {**deployment.genesis.accounts, MESSAGE_PASSER: GenesisAccount(nonce=1)}
    return replace(deployment, genesis=replace(deployment.genesis, accounts=accounts))


@pytest.fixture
def parent(node: Node) -> Assertion:
    """Genesis, whose child consumes two batches."""
    with node.store.read() as session:
        opening = genesis_opening(session)
    return Assertion(opening, opening.id(), "0x" + "00" * 20, 2, 0, Status.CONFIRMED, False)


@pytest.fixture
def made() -> list[Assertion]:
    """Parents about which a claim was made."""
    return []


@pytest.fixture
def games(node: Node, deployment: Deployment, tmp_path: Path, made: list[Assertion]) -> Iterator[Games]:
    commitments = Commitments(node.store, deployment.parameters)
    files = StepFiles(tmp_path)

    def make(parent: Assertion) -> OwnClaim:
        made.append(parent)
        return OwnClaim(node.store, deployment.parameters, commitments, parent, ADDRESS, files)

    opened = Games(make)
    yield opened
    opened.close_all()


def test_a_claim_is_made_once(games: Games, parent: Assertion, made: list[Assertion]) -> None:
    assert games.claim(parent) is games.claim(parent)
    assert made == [parent]


def test_a_parent_that_l1_made_anew_with_other_batches_has_another_claim(games: Games, parent: Assertion) -> None:
    again = replace(parent, required_batches=3)
    claims = [games.claim(each) for each in (parent, again)]
    assert [claim.claim.opening.state.batches for claim in claims if claim] == [2, 3]
    assert games.claim(parent) is claims[0]
    games.close(again)
    assert games.is_open(parent)
    assert not games.is_open(again)


def test_level_1_is_on_disk_until_the_game_is_over(games: Games, parent: Assertion, tmp_path: Path) -> None:
    for for_good in (False, True):
        claim = games.claim(parent)
        assert claim is not None
        claim.player.claims.steps(LEAF)
        (folder,) = tmp_path.iterdir()
        assert len(list(folder.iterdir())) == 1
        games.close(parent)
        assert folder.exists()
        claim.close(for_good)
        assert folder.exists() != for_good
