"""A chain on a running network on which everything has happened that can be lied about."""

from dataclasses import dataclass

from eth_typing import ChecksumAddress
from web3.types import TxReceipt

from story.stage import ETHER
from tandem.batch.packed import pack
from tandem.batch.payload import PackedBlock, encode_batch
from tandem.chain.spec import MESSAGE_PASSER
from tandem.l1.contracts import abi, checksum
from tandem.l1.signer import development_account
from tandem.primitives.types import Address, Gas, Wei
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import DYNAMIC_FEE
from tests.support.assembler import assemble, deploying
from tests.support.network import USERS, Harness

COUNT = assemble(0, "CALLDATALOAD", 0, "SLOAD ADD DUP1", 0, "SSTORE", 0, "MSTORE", 7, 32, 0, "LOG1")
"""Adds its argument to slot 0 and logs the sum."""
SEQUENCER = development_account(1)
ALICE, BOB, POOR = USERS[0], USERS[1], USERS[5]


@dataclass(frozen=True, slots=True)
class EventfulChain:
    """What tests need of it later."""

    withdrawal: TxReceipt
    """Of an honest withdrawal of one ether by Bob."""
    head: int


def make_eventful(harness: Harness, calls: int = 6) -> EventfulChain:
    """Deposits, calls that store, log and calculate, a message from L1, a withdrawal, and a batch that only a sequencer
    gone wild posts. The first batch is small: an assertion on genesis consumes that one alone."""
    harness.deposit(ALICE, 20 * ETHER)
    harness.all_on_l1()
    harness.deposit(BOB, 5 * ETHER)
    counter = harness.l2.send(ALICE, {"data": deploying(COUNT), "value": 0, "gas": 400_000}).receipt["contractAddress"]
    for number in range(1, calls + 1):
        harness.l2.send(ALICE, {"to": counter, "data": number.to_bytes(32, "big"), "value": 0, "gas": 200_000})
    _send_from_l1(harness, counter)
    passer = harness.l2.web3.eth.contract(address=checksum(MESSAGE_PASSER), abi=abi("MessagePasser"))
    withdrawal = harness.l2.call(BOB, passer.functions.initiateWithdrawal(BOB.address, 100_000, b""), ETHER)
    harness.all_on_l1()
    _post_wild_batch(harness)
    return EventfulChain(withdrawal.receipt, harness.all_on_l1())


def _send_from_l1(harness: Harness, counter: ChecksumAddress) -> None:
    """A call that L1 makes the chain execute."""
    events = harness.l2.web3.eth
    before = int.from_bytes(events.get_storage_at(counter, 0), "big")
    send = harness.contracts.inbox.functions.sendMessage
    harness.l1.call(BOB, send(counter, 200_000, (1_000).to_bytes(32, "big")))
    harness.wait("the call from L1", lambda: int.from_bytes(events.get_storage_at(counter, 0), "big") == before + 1_000)


def _post_wild_batch(harness: Harness) -> None:
    """A batch by the sequencer's key with transactions that are none: executed before, unpayable, undecodable."""
    eth = harness.l2.web3.eth
    receiver = Address(bytes.fromhex(BOB.address[2:]))

    def transfer(key: bytes, nonce: int, value: int) -> bytes:
        fields = (DYNAMIC_FEE, harness.deployment.parameters.chain_id, nonce, Wei(1), Wei(10**10), Gas(100_000))
        return pack(UnsignedTransaction(*fields, receiver, Wei(value), b"").sign(key))

    nonce = eth.get_transaction_count(ALICE.address)
    valid = transfer(bytes(ALICE.key), nonce, ETHER // 10)
    replayed = transfer(bytes(ALICE.key), nonce - 1, ETHER)
    unpayable = transfer(bytes(POOR.key), 0, 10_000 * ETHER)
    block = PackedBlock(0, 0, (replayed, valid, valid, unpayable, b"no transaction"))
    inbox = harness.contracts.inbox.functions
    consumed = inbox.messagesConsumed().call()
    harness.l1.call(SEQUENCER, inbox.submitBatch(encode_batch([block]), consumed))
    harness.wait("the wild batch on L2", lambda: eth.get_transaction_count(ALICE.address) == nonce + 1)
