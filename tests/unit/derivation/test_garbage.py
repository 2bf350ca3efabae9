"""Every byte string has one meaning: nodes that see the same inbox have the same chain, whatever is in it."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.batch import lz4
from tandem.batch.packed import MAX_PACKED_BYTES, pack
from tandem.batch.payload import LZ4, VERSION, PackedBlock, encode_batch
from tandem.primitives import rlp
from tandem.state.database import supply
from tests.support.chain import ADDRESSES, ETHER, START, Inbox, Node, make_deployment, transfer

GAS_LIMIT = 2**24


@st.composite
def packed_transactions(draw: st.DrawFn) -> bytes:
    """Right transactions, wrong nonces, too much value, damaged bytes, and no transactions at all."""
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return draw(st.binary(max_size=120))
    value = draw(st.sampled_from([0, 1, ETHER // 2, 10 * ETHER]))
    gas = draw(st.sampled_from([21_000, 100_000, GAS_LIMIT, GAS_LIMIT + 1, 20_000]))
    nonce = draw(st.integers(0, 4))
    packed = pack(transfer(draw(st.integers(0, 2)), nonce, ADDRESSES[draw(st.integers(0, 3))], value, gas=gas))
    if kind == 1:
        at = draw(st.integers(0, len(packed) - 1))
        return packed[:at] + bytes([packed[at] ^ draw(st.integers(1, 255))]) + packed[at + 1 :]
    return packed


blocks = st.lists(
    st.builds(
        PackedBlock,
        st.sampled_from([0, 1, 5, 600, 601, 10_000, 2**63, 2**64 - 1]),
        st.integers(0, 4) | st.just(2**64 - 1),
        st.lists(packed_transactions(), max_size=4).map(tuple),
    ),
    max_size=3,
)
bomb = bytes([VERSION, LZ4, 0x1F, 0x61, 1, 0]) + b"\xff" * 3_000 + b"\0\0"
payloads = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.just(bomb),
    st.just(bytes([VERSION, LZ4]) + lz4.compress(rlp.encode([[b"", b"", [b"x" * 50]]])[:-1])),
    blocks.map(encode_batch),
    blocks.map(encode_batch).map(lambda data: data[:-1]),
)


@st.composite
def inboxes(draw: st.DrawFn) -> Inbox:
    """An inbox as the contract would let it become."""
    inbox = Inbox()
    consumed = 0
    for _ in range(draw(st.integers(1, 6))):
        inbox.time += draw(st.sampled_from([0, 1, 12, 700, 100_000]))
        for _ in range(draw(st.integers(0, 3))):
            gas = draw(st.sampled_from([21_000, 100_000, GAS_LIMIT // 2, GAS_LIMIT]))
            mint = draw(st.sampled_from([None, 0]))
            inbox.deposit(ADDRESSES[draw(st.integers(0, 3))], ETHER, gas=gas, mint=mint)
        consumed = draw(st.integers(consumed, len(inbox.messages)))
        inbox.batch(draw(payloads), consumed)
    return inbox


@given(inboxes(), st.integers(1, 4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_two_nodes_agree_on_any_inbox(inbox: Inbox, stride: int) -> None:
    deployment = make_deployment(gas_limit=GAS_LIMIT)
    with tempfile.TemporaryDirectory() as folder:
        at_once = Node(Path(folder) / "a", deployment)
        at_once.apply(inbox.events)
        piecewise = Node(Path(folder) / "b", deployment)
        for start in range(0, len(inbox.events), stride):
            piecewise.apply(inbox.events[start : start + stride])
        assert at_once.hashes() == piecewise.hashes()
        with at_once.store.read() as session:
            head = session.head()
            record = session.block(head.number)
            minted = sum(queued.message.mint for queued in inbox.messages[: head.messages_consumed])
            assert record.supply == minted - record.burnt
            assert record.supply == supply(session.state_tables, head.state_root)
            assert head.messages_consumed == inbox.batches[-1].entry.messages_consumed
            times = [session.header(number).timestamp for number in range(head.number + 1)]
            assert times == sorted(times)
            assert times[-1] <= inbox.time + deployment.parameters.max_drift
            assert session.safe_number() == head.number
        at_once.store.close()
        piecewise.store.close()


def test_a_transaction_beyond_the_longest_packed_form_is_skipped(tmp_path: Path) -> None:
    def with_data(length: int) -> bytes:
        return pack(transfer(0, 1, ADDRESSES[1], data=b"\1" * length, gas=GAS_LIMIT))

    length = MAX_PACKED_BYTES - len(with_data(60_001)) + 60_001
    inbox = Inbox()
    inbox.deposit(ADDRESSES[0])
    inbox.batch(encode_batch([PackedBlock(1, 1, (with_data(length + 1), with_data(length)))]), 1)
    node = Node(tmp_path, make_deployment(gas_limit=GAS_LIMIT))
    node.apply(inbox.events)
    with node.store.read() as session:
        assert [len(item.data) for item in session.block(1).transactions] == [0, length]
    node.store.close()


@given(inboxes(), st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_after_a_re_org_of_l1_the_chain_is_the_one_of_the_new_inbox(inbox: Inbox, data: st.DataObject) -> None:
    deployment = make_deployment(gas_limit=GAS_LIMIT)
    cut = data.draw(st.integers(0, len(inbox.events)))
    other = Inbox(time=START + 7)
    for event in inbox.events[:cut]:
        if hasattr(event, "queued") and event.queued in inbox.messages:
            other.messages.append(event.queued)
        else:
            other.batches.append(event.queued)
        other.events.append(event)
    kept = len(other.messages), len(other.batches)
    consumed = other.batches[-1].entry.messages_consumed if other.batches else 0
    for _ in range(data.draw(st.integers(0, 3))):
        other.deposit(ADDRESSES[data.draw(st.integers(0, 3))], 3)
        consumed = data.draw(st.integers(consumed, len(other.messages)))
        other.batch(data.draw(payloads), consumed)
    with tempfile.TemporaryDirectory() as folder:
        moved = Node(Path(folder) / "a", deployment)
        moved.apply(inbox.events)
        moved.apply(other.events[cut:], kept=kept)
        fresh = Node(Path(folder) / "b", deployment)
        fresh.apply(other.events)
        assert moved.hashes() == fresh.hashes()
        with moved.store.read() as one, fresh.store.read() as two:
            for address in ADDRESSES:
                assert one.state_at(one.head_number()).account(address) == two.state_at(two.head_number()).account(
                    address
                )
        moved.store.close()
        fresh.store.close()
