"""Every hash that both sides compute."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tandem.chain.header import Header
from tandem.inbox.queues import BatchEntry, DataLocation, Message, accumulate, alias
from tandem.l1.contracts import checksum
from tandem.l1.encoding import opening_arguments, withdrawal_arguments
from tandem.primitives.hashing import keccak, word
from tandem.rollup.assertions import Opening, State
from tandem.rollup.withdrawals import Withdrawal, sent_slot
from tandem.state.account import Account
from tandem.state.database import slot_key
from tests.parity.values import PROPERTY, addresses, context_arguments, contexts, hashes32, uint64, uint256

data = st.binary(max_size=100)
messages = st.builds(Message, addresses, st.one_of(st.none(), addresses), uint256, uint256, uint64, data, contexts)
entries = st.builds(BatchEntry, st.sampled_from(DataLocation), hashes32, uint64, contexts)
headers = st.builds(
    Header,
    parent_hash=hashes32,
    number=uint256,
    timestamp=uint256,
    state_root=hashes32,
    transactions_acc=hashes32,
    receipts_acc=hashes32,
    gas_used=uint256,
    gas_limit=uint256,
    base_fee=uint256,
    prev_randao=hashes32,
    coinbase=addresses,
    origin=contexts,
    messages_consumed=uint256,
    recent_hashes=hashes32,
)
states = st.builds(State, hashes32, hashes32, hashes32, uint64, uint64)
openings = st.builds(Opening, hashes32, states, hashes32, hashes32)
records = st.builds(Account, uint256, uint256, hashes32, hashes32, uint256, hashes32)
withdrawals = st.builds(Withdrawal, uint256, addresses, addresses, uint256, uint256, data)


@PROPERTY
@given(messages)
def test_message(hashes, message):
    fields = (
        checksum(message.sender),
        checksum(message.to or bytes(20)),
        message.to is None,
        message.mint,
        message.value,
        message.gas_limit,
        message.data,
    )
    assert bytes(hashes.messageHash(fields, context_arguments(message.context))) == message.hash()


@PROPERTY
@given(entries)
def test_batch_entry(hashes, entry):
    arguments = (int(entry.location), entry.data_hash, entry.messages_consumed, context_arguments(entry.context))
    assert bytes(hashes.batchHash(*arguments)) == entry.hash()


@PROPERTY
@given(hashes32, hashes32)
def test_accumulator(hashes, before, item):
    assert bytes(hashes.accumulate(before, item)) == accumulate(before, item)


@PROPERTY
@given(headers)
def test_header(hashes, header):
    encoded = header.encode()
    words = [encoded[at : at + 32] for at in range(0, len(encoded), 32)]
    digest, state_root, consumed = hashes.header(words)
    assert (bytes(digest), bytes(state_root), consumed) == (header.hash, header.state_root, header.messages_consumed)
    assert Header.decode(encoded) == header


@PROPERTY
@given(openings)
def test_state_and_assertion(hashes, opening):
    arguments = opening_arguments(opening)
    assert bytes(hashes.stateHash(arguments[1])) == opening.state.hash()
    assert bytes(hashes.assertionId(arguments)) == opening.id()


@PROPERTY
@given(records)
def test_account_record(hashes, account):
    fields = (account.nonce, account.balance, account.code_hash, account.code_root, account.code_size)
    assert bytes(hashes.accountHash((*fields, account.storage_root))) == keccak(account.encode())


@PROPERTY
@given(withdrawals)
def test_withdrawal_and_its_place(hashes, withdrawal):
    digest = withdrawal.hash()
    assert bytes(hashes.withdrawalHash(withdrawal_arguments(withdrawal))) == digest
    assert bytes(hashes.withdrawalKey(digest)) == slot_key(sent_slot(digest)) == keccak(word(sent_slot(digest)))


@PROPERTY
@given(addresses)
def test_alias(libraries, contract):
    assert libraries.aliased(checksum(contract)) == checksum(alias(contract))
