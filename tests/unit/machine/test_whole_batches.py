"""Whole batches step by step: what is in the inbox contract becomes the blocks that nodes derive."""

import random

import pytest

from tandem.batch.packed import pack
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.inbox.queues import L1Context, Message
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Gas, Hash, Seconds, Wei
from tests.support.chain import ADDRESSES, ETHER, transfer
from tests.unit.machine.on_inbox import OneChain, Run, make_chain, run

IDENTITY = Address(bytes(19) + b"\x04")


def derived(chain: OneChain) -> list[Hash]:
    """Block hashes, all batches in a row."""
    return [header.hash for blocks in chain.derive() for header in blocks]


def both(chain: OneChain) -> Run:
    """The machine's run, every step judged; its blocks are those that nodes derive."""
    done = run(chain.machine(), chain.provers)
    assert done.blocks == derived(chain)
    return done


def test_blocks_of_messages_and_transactions() -> None:
    chain = make_chain()
    inbox = chain.inbox
    inbox.enqueue(ADDRESSES[0], ADDRESSES[1], mint=5, value=3, data=b"hello\0")
    priced = L1Context(3, keccak(b"origin"), Seconds(inbox.time), Wei(10**9))
    inbox.plant(Message(ADDRESSES[5], ADDRESSES[6], Wei(0), Wei(3), Gas(30_000), b"", priced))
    inbox.plant(Message(ADDRESSES[5], ADDRESSES[6], Wei(10), Wei(3), Gas(1_000), b"", priced))
    sent = pack(transfer(0, 1, ADDRESSES[2]))
    inbox.submit(encode_batch([PackedBlock(3, 2, (sent, b"", sent)), PackedBlock(0, 5, (sent,))]))
    inbox.enqueue(ADDRESSES[0], None, mint=5, value=3, data=b"\x60\x00", gas=1_000_000)
    inbox.submit(b"\0\0\xc1")
    inbox.submit(b"\0\0\xc0")
    inbox.force()
    done = both(chain)
    assert len(done.blocks) == 5
    assert done.outcomes["MESSAGE_LOAD", "no balance"] == 1
    assert done.outcomes["MESSAGE_LOAD", "intrinsic gas"] == 1
    assert done.outcomes["TX_BEGIN", "ok"] == 1
    assert done.outcomes["BLOCK_BEGIN", "forced"] == 3
    assert done.outcomes["BATCH_LOAD", "forced"] == 1
    assert done.outcomes["HALT", "ok"] == 1


def test_messages_that_do_not_fit_a_block_make_forced_ones() -> None:
    chain = make_chain(gas_limit=Gas(2**24))
    for gas in (2**24, 2**23, 2**23, 1_000_000, 2**24 - 1_000_000):
        chain.inbox.enqueue(ADDRESSES[1], ADDRESSES[2], gas=gas)
    chain.inbox.submit(encode_batch([PackedBlock(1, 3, ())]))
    done = both(chain)
    assert len(done.blocks) == 3
    assert done.outcomes["MESSAGE_SCAN", "no room"] == 2


def test_hashes_of_more_than_256_blocks() -> None:
    chain = make_chain()
    chain.inbox.submit(encode_batch([PackedBlock(index % 3, 0, ()) for index in range(260)]), 0)
    done = both(chain)
    assert len(done.blocks) == 260


def test_an_assertion_may_begin_later() -> None:
    """The machine starts behind a block of its own chain, with only the hashes of earlier blocks to go on."""
    chain = make_chain()
    for number in range(3):
        chain.inbox.enqueue(ADDRESSES[number], ADDRESSES[5], mint=ETHER, value=ETHER)
        chain.inbox.submit(encode_batch([PackedBlock(2, 1, ()), PackedBlock(2, 1, ())]))
    whole = both(chain)
    m = chain.machine(1)
    assert run(m, chain.provers).blocks == whole.blocks[:2]
    later = chain.machine_behind(m, 3)
    assert run(later, chain.provers).blocks == whole.blocks[2:]
    assert later.hash() == _end(chain)


def _end(chain: OneChain) -> Hash:
    m = chain.machine()
    run(m, chain.provers, judged=())
    return m.hash()


def _block(rnd: random.Random, nonces: list[int]) -> PackedBlock:
    transactions = []
    for _ in range(rnd.randrange(4)):
        kind = rnd.randrange(5)
        if kind == 0:
            transactions.append(rnd.randbytes(rnd.choice([0, 1, 1, 40, 56, 120])))
            continue
        key = rnd.randrange(3)
        packed = pack(transfer(key, nonces[key], ADDRESSES[rnd.randrange(8)], rnd.randrange(ETHER), gas=60_000))
        if kind == 1:
            damaged = bytearray(packed)
            damaged[rnd.randrange(len(packed))] ^= 1 << rnd.randrange(8)
            packed = bytes(damaged)
        else:
            nonces[key] += 1
        transactions.append(packed)
    time_delta = rnd.choice([0, 1, 5, 599, 601, 10_000, 2**63, 2**64 - 1])
    return PackedBlock(time_delta, rnd.choice([0, 1, 2, 5, 2**64 - 1]), tuple(transactions))


def _fill(chain: OneChain, rnd: random.Random) -> None:
    nonces = [0] * 3
    inbox = chain.inbox
    for _ in range(rnd.randrange(2, 5)):
        for _ in range(rnd.randrange(4)):
            to = rnd.choice([None, *ADDRESSES, IDENTITY])
            data = rnd.choice([b"", b"\0", b"\x05", bytes(33), rnd.randbytes(60)])
            gas = rnd.choice([60_000, 300_000, 2**24])
            inbox.enqueue(
                rnd.choice(ADDRESSES[3:6]), to, mint=rnd.choice([0, ETHER]), value=rnd.choice([0, 1, ETHER]), gas=gas,
                data=data,
            )  # fmt: skip
        data = encode_batch([_block(rnd, nonces) for _ in range(rnd.randrange(4))])
        kind = rnd.randrange(6)
        if kind == 0:
            damaged = bytearray(data)
            damaged[rnd.randrange(len(data))] ^= 1 << rnd.randrange(8)
            data = bytes(damaged)
        if kind == 1 and inbox.consumed < len(inbox.messages):
            inbox.force()
        else:
            inbox.submit(data, rnd.randrange(inbox.consumed, len(inbox.messages) + 1))


@pytest.mark.parametrize("seed", range(40))
def test_any_inbox_has_the_same_blocks_both_ways(seed: int) -> None:
    chain = make_chain(gas_limit=Gas(2**24))
    _fill(chain, random.Random(seed))
    both(chain)
