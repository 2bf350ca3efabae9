"""Batches and messages: sound, broken, forced; messages that fit and that do not; the blocks they make."""

from tandem.batch.payload import BLOCK_ITEMS, MAX_ITEMS, PackedBlock, encode_batch
from tandem.chain.recent import RECENT_BLOCKS
from tandem.chain.spec import GenesisAccount
from tandem.evm.calls import contract_address
from tandem.inbox.queues import Message
from tandem.primitives import rlp
from tandem.primitives.types import Address, Gas, Wei
from tests.conformance.scenarios.stage import MOST_GAS, Stage
from tests.support.assembler import assemble, create, deploying
from tests.support.chain import ADDRESSES, ETHER

PLAIN = b"\0\0"
"""Version and codec of a batch that is not compressed."""


def batches(stage: Stage) -> None:
    """Batches that are none, that are empty, whose end is a block or a transaction."""
    submit = stage.inbox.submit
    for broken in (b"", b"\0", b"\x07 no version of ours", b"\0\x01\xff\xff no LZ4", PLAIN):
        submit(broken)
    unsound = [
        rlp.encode([]),
        rlp.encode(b"no list"),
        rlp.encode([[b"", b"", []]]) + b"\0",
        rlp.encode([[b"", b"", []]])[:-1],
        rlp.encode([[b"", b"", []], b"no block"]),
        rlp.encode([[b"", b"", [[b"a list"]]]]),
        rlp.encode([[b"", b"", b"no list"]]),
        rlp.encode([[b"\0", b"", []]]),
        rlp.encode([[b"", b"\x01" * 9, []]]),
        rlp.encode([[b"", b"", [], b""]]),
        rlp.encode([[b"", b"", [b"\x01"]]])[:-1] + b"\x81",
    ]
    for data in unsound:
        submit(PLAIN + data)
    submit(encode_batch([PackedBlock(2, 9, (b"\x01", b"no transaction" * 30)), PackedBlock(2, 0, ())]))
    submit(PLAIN + rlp.encode([[b"\x02", b"", []], [b"\x02", b"", [b"\x01" * 60]]]))
    stage.send(ADDRESSES[1], gas=30_000)
    stage.block(0)
    stage.block(3, time_delta=10**9)
    stage.batch()
    submit(encode_batch([PackedBlock(1, 0, (b"",) * 60)]), stage.inbox.batches[-1].entry.messages_consumed)


def items(stage: Stage) -> None:
    """As many items as a batch may have, and one more."""
    stage.inbox.submit(encode_batch([PackedBlock(1, 0, (b"",) * (MAX_ITEMS - BLOCK_ITEMS + 1))]))
    stage.inbox.submit(encode_batch([PackedBlock(1, 0, ())] * (MAX_ITEMS // BLOCK_ITEMS + 1)))


def forced(stage: Stage) -> None:
    """Messages that the sequencer left out, and messages that no block of its batch took."""
    inbox = stage.inbox
    inbox.enqueue(ADDRESSES[1], ADDRESSES[2], mint=5, value=3)
    inbox.force()
    for index in range(3):
        inbox.enqueue(ADDRESSES[1], ADDRESSES[2], mint=index)
    stage.block(1)
    stage.batch()
    inbox.force()


def room(stage: Stage) -> None:
    """Messages of so much gas that not all fit a block."""
    for gas in (MOST_GAS, MOST_GAS, 30_000_000 - MOST_GAS, 21_000, MOST_GAS):
        stage.inbox.enqueue(ADDRESSES[1], ADDRESSES[2], gas=gas)
    stage.block(5)
    stage.block(2)
    stage.batch()


def messages(stage: Stage) -> None:
    """Messages that do something, that create, that destroy what they create, that fail; two without a beginning."""
    inbox, stranger = stage.inbox, Address(b"\x57" * 20)
    logs = stage.contract(assemble("CALLVALUE", 0, "MSTORE", "CALLER", 32, 0, "LOG1"))
    inbox.enqueue(stranger, logs, mint=9, value=4, data=b"\x01\0\x02")
    inbox.enqueue(stranger, stage.contract(assemble(1, 1, "SSTORE", 0, 0, "REVERT")), value=1)
    inbox.enqueue(stranger, None, mint=3, value=3, data=deploying(b"\x01\x02"), gas=200_000)
    inbox.enqueue(stranger, None, value=1, data=assemble("CALLER SELFDESTRUCT"), gas=200_000)
    inbox.enqueue(stranger, stage.contract(create(assemble("CALLER SELFDESTRUCT")) * 2), gas=200_000)
    stage.accounts[Address(contract_address(ADDRESSES[3], 0))] = GenesisAccount(nonce=1)
    inbox.enqueue(ADDRESSES[3], None, data=deploying(b"\x01"), gas=200_000)
    inbox.enqueue(stranger, ADDRESSES[1], value=ETHER)
    # The contract sees to it that a message's gas covers its bytes; the machine does not count on that.
    inbox.plant(Message(stranger, ADDRESSES[1], Wei(7), Wei(1), Gas(20_999), b"", inbox.context(10**9)))
    stage.send(logs, gas=100_000)
    stage.batch()


def many_blocks(stage: Stage) -> None:
    """More blocks than BLOCKHASH reaches back to."""
    for _ in range(RECENT_BLOCKS + 4):
        stage.block()
    back = (0, 1, 2, RECENT_BLOCKS - 1, RECENT_BLOCKS, RECENT_BLOCKS + 1)
    stage.send(stage.contract(assemble(*[part for count in back for part in (count, "NUMBER SUB BLOCKHASH POP")])))
