"""What a sequencer built comes back from its batches as the same blocks; what L1 says otherwise gives way."""

import random
from pathlib import Path

import pytest

from sequencer.engine.batcher import gather, prepare
from sequencer.engine.builder import Builder
from sequencer.mempool import Mempool, PoolLimits
from tandem.inbox.queues import SYSTEM_SENDER, Message
from tandem.primitives.types import Address, Gas, Wei
from tandem.state.database import StateDatabase
from tests.support.chain import ADDRESSES, START, Inbox, Node, make_deployment, transfer


class Sequenced:
    """A sequencer's store, mempool and builder, without its processes."""

    def __init__(self, folder: Path, *, refuse: frozenset[Address] = frozenset()) -> None:
        self.deployment = make_deployment()
        self.node = Node(folder / "sequencer", self.deployment, keep_unsafe=True)
        self.pool = Mempool(PoolLimits())
        self.builder = Builder(self.deployment, self.node.store, self.pool, refuse, 10.0)
        self.inbox = Inbox()
        self.applied = 0

    def see_l1(self) -> tuple[int, int]:
        """Apply what is new in the inbox. Returns (blocks dropped, blocks executed)."""
        result = self.node.apply(self.inbox.events[self.applied :])
        self.applied = len(self.inbox.events)
        return len(result.dropped), result.executed

    def send(self, sender: int, value: int = 1, to: Address = ADDRESSES[7]) -> None:
        """Put a transfer into the pool."""
        with self.node.store.read() as session:
            account = StateDatabase(session.state_tables).account(ADDRESSES[sender])
        assert account is not None
        nonce = self.pool.pending_nonce(ADDRESSES[sender], account.nonce)
        self.pool.add(transfer(sender, nonce, to, value, gas=60_000), account.nonce, account.balance, 0)

    def post(self) -> bytes:
        """Put a batch of all that is not on L1 into the inbox."""
        with self.node.store.read() as session:
            blocks, _ = gather(session, session.safe_number() + 1, session.head_number())
            batch = prepare(session, blocks)
        self.inbox.time = max(self.inbox.time, START + 100)
        self.inbox.batch(batch.data, batch.messages_consumed)
        return batch.data


@pytest.fixture
def chain(tmp_path: Path) -> Sequenced:
    sequenced = Sequenced(tmp_path)
    for key in range(4):
        sequenced.inbox.deposit(ADDRESSES[key])
    sequenced.see_l1()
    assert sequenced.builder.build(START + 1) is not None
    return sequenced


def test_batches_give_back_the_sequencers_blocks_without_executing_them_again(chain: Sequenced, tmp_path: Path) -> None:
    for round_number in range(3):
        for key in range(4):
            chain.send(key, value=round_number)
        block = chain.builder.build(START + 2 + round_number)
        assert block is not None and len(block.transactions) == 4
    chain.post()
    assert chain.see_l1() == (0, 0)
    with chain.node.store.read() as session:
        assert session.safe_number() == session.head_number() == 4
    replica = Node(tmp_path / "replica", chain.deployment)
    assert replica.apply(chain.inbox.events).executed == 4
    assert replica.hashes() == chain.node.hashes()


def test_blocks_behind_a_posted_batch_stay(chain: Sequenced) -> None:
    chain.post()
    chain.send(0)
    chain.builder.build(START + 5)
    assert chain.see_l1() == (0, 0)
    with chain.node.store.read() as session:
        assert (session.safe_number(), session.head_number()) == (1, 2)


def test_a_forced_batch_makes_unposted_blocks_give_way(tmp_path: Path) -> None:
    chain = Sequenced(tmp_path, refuse=frozenset({ADDRESSES[5]}))
    for key in (0, 5):
        chain.inbox.deposit(ADDRESSES[key])
    chain.see_l1()
    chain.builder.build(START + 1)
    chain.send(0)
    chain.builder.build(START + 2)
    with chain.node.store.read() as session:
        assert session.head().messages_consumed == 1, "the refused sender's message is left out"
    chain.inbox.time = START + 700
    chain.inbox.batch(None, 2)
    dropped, executed = chain.see_l1()
    assert (dropped, executed) == (2, 1)
    with chain.node.store.read() as session:
        state = StateDatabase(session.state_tables)
        assert session.head().messages_consumed == 2
        assert state.account(ADDRESSES[5]) is not None


def test_an_l1_re_org_keeps_blocks_whose_messages_are_still_there(chain: Sequenced) -> None:
    chain.send(0)
    chain.builder.build(START + 3)
    head = chain.node.head()
    chain.post()
    chain.see_l1()
    chain.node.apply([], kept=(4, 0))
    assert chain.node.head() == head
    with chain.node.store.read() as session:
        assert session.safe_number() == 0
    chain.node.apply([], kept=(3, 0))
    with chain.node.store.read() as session:
        assert session.head_number() == 0


def test_the_inboxs_own_messages_alone_make_no_block(chain: Sequenced) -> None:
    message = Message(SYSTEM_SENDER, ADDRESSES[6], Wei(0), Wei(0), Gas(200_000), b"", chain.inbox.context())
    chain.inbox.queue(message)
    chain.see_l1()
    assert chain.builder.build(START + 9) is None
    chain.send(1)
    block = chain.builder.build(START + 9)
    assert block is not None and block.header.messages_consumed == 5


def test_a_full_batch_of_transfers_is_small(chain: Sequenced) -> None:
    """Aim: at most 90 bytes a transfer, signature included, with 200 distinct recipients."""
    source = random.Random(7)
    recipients = [Address(source.randbytes(20)) for _ in range(200)]
    for _ in range(250):
        for key in range(4):
            chain.send(key, value=source.randrange(10**9), to=source.choice(recipients))
    built = 0
    while (block := chain.builder.build(START + 10)) is not None:
        built += len(block.transactions)
    assert built == 1000
    data = chain.post()
    assert len(data) / 1000 <= 90, f"{len(data) / 1000} bytes a transfer"
