"""The store: what is written is read, and a roll-back leaves nothing of what it dropped."""

from pathlib import Path

import pytest

from tandem.errors import ConfigError, StateMissing
from tandem.store import ChainStore
from tests.support.chain import ADDRESSES, ETHER, START, Inbox, Node, make_deployment


def test_a_roll_back_restores_flat_state_and_forgets_blocks(tmp_path: Path) -> None:
    node = Node(tmp_path / "a", make_deployment())
    inbox = Inbox()
    for round_number in range(3):
        inbox.time = START + round_number
        inbox.deposit(ADDRESSES[round_number], ETHER)
        inbox.batch(None, round_number + 1)
    node.apply(inbox.events)
    with node.store.write() as session:
        assert session.head_number() == 3
        gone = session.block(3)
        assert session.locate(gone.transactions[0].hash) == (3, 0)
        dropped = session.roll_back(1)
        assert [block.header.number for block in dropped] == [2, 3]
        assert session.locate(gone.transactions[0].hash) is None
        assert session.number_of(gone.header.hash) is None
        state = session.state_at(1)
        assert state.account(ADDRESSES[0]) is not None
        assert state.account(ADDRESSES[1]) is None and state.account(ADDRESSES[2]) is None
        assert session.money(1) == (ETHER, 0)
        with pytest.raises(StateMissing, match="block 2 is not"):
            session.header(2)


def test_an_exception_undoes_the_whole_write(tmp_path: Path) -> None:
    node = Node(tmp_path / "a", make_deployment())
    inbox = Inbox()
    inbox.deposit(ADDRESSES[0])
    inbox.batch(None, 1)
    with pytest.raises(RuntimeError), node.store.write() as session:
        from tests.support.chain import update

        node.follower.apply(session, update(inbox.events, session))
        raise RuntimeError("the power goes out")
    with node.store.read() as session:
        assert session.head_number() == 0 and session.message_count() == 0


def test_reading_a_database_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="start the node that writes it first"):
        ChainStore(tmp_path / "nothing", readonly=True)


def test_another_chains_database_is_refused(tmp_path: Path) -> None:
    Node(tmp_path / "a", make_deployment()).store.close()
    with pytest.raises(ConfigError, match="another chain"):
        Node(tmp_path / "a", make_deployment(gas_limit=2**24))
