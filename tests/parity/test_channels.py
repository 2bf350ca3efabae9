"""What is signed about channels: our digests, the contracts', and those of a library that knows EIP-712 alone."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak as eth_keccak
from eth_utils import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from tandem.channels import sessions
from tandem.channels.invoices import Invoice
from tandem.channels.sessions import AppDomain
from tandem.channels.signing import NAME, TYPES, VERSION, SigningDomain, voucher_name, voucher_ref
from tandem.channels.states import ChannelKey, Lane, Lock, LockKind, decode_locks, encode_locks
from tandem.errors import EncodingError
from tandem.primitives.types import Address
from tests.parity.values import PROPERTY, hashes32, uint64

addresses = st.binary(min_size=20, max_size=20).map(Address)
uint128 = st.integers(0, 2**128 - 1)
locks = st.builds(Lock, st.integers(0, 2**120), st.integers(0, 2**40 - 1), st.sampled_from(LockKind), hashes32)
lanes = st.builds(Lane, uint64, uint128, st.lists(locks, max_size=4).map(tuple))
keys = st.builds(ChannelKey, addresses, addresses, addresses, st.integers(0, 2**32 - 1), hashes32)


@pytest.fixture(scope="session")
def channels(project: Any, deployer: Any) -> Any:
    return deployer.deploy(project.ChannelHarness)


def by_library(domain: SigningDomain | AppDomain, primary: str, **message: Any) -> bytes:
    """The digest of EIP-712 data by eth-account."""
    is_app = isinstance(domain, AppDomain)
    types = {
        name: [{"name": member, "type": kind} for kind, member in (each.split() for each in members.split(","))]
        for name, members in TYPES.items()
        if name in (primary, "EIP712Domain")
    }
    where = {
        "name": sessions.NAME if is_app else NAME,
        "version": VERSION,
        "chainId": domain.chain_id,
        "verifyingContract": to_checksum_address(domain.registry if is_app else domain.contract),
    }
    data = {"types": types, "primaryType": primary, "domain": where, "message": message}
    signable = encode_typed_data(full_message=data)
    return eth_keccak(b"\x19" + signable.version + signable.header + signable.body)


@PROPERTY
@given(keys, lanes, addresses)
def test_lane(channels, key, lane, sender):
    domain = SigningDomain(ape.chain.chain_id, Address(bytes.fromhex(channels.address[2:])))
    proof = (lane.nonce, lane.transferred, encode_locks(lane.locks), b"", b"")
    digest = domain.lane(key.id, sender, lane)
    assert bytes(channels.lane(key.id, to_checksum_address(sender), proof)) == digest
    assert digest == by_library(
        domain,
        "Lane",
        channelId=key.id,
        sender=to_checksum_address(sender),
        nonce=lane.nonce,
        transferred=lane.transferred,
        locked=lane.locked,
        locksHash=lane.locks_hash,
    )


@PROPERTY
@given(keys, addresses, st.tuples(uint128, uint128), uint64, uint64)
def test_other_structures(channels, key, who, amounts, nonce, until):
    domain = SigningDomain(ape.chain.chain_id, Address(bytes.fromhex(channels.address[2:])))
    name = to_checksum_address(who)
    taken = domain.withdraw(key.id, who, amounts[0], until)
    assert bytes(channels.withdrawal(key.id, name, (0, amounts[0], until))) == taken
    assert taken == by_library(domain, "Withdraw", channelId=key.id, who=name, total=amounts[0], validUntil=until)

    close = domain.coop_close(key.id, amounts, until)
    assert bytes(channels.cooperativeClose(key.id, (*amounts, until))) == close
    balances = {"bal0": amounts[0], "bal1": amounts[1]}
    assert close == by_library(domain, "CoopClose", channelId=key.id, **balances, validUntil=until)

    pay = domain.tower_pay(key.id, who, nonce, who, amounts[0], until)
    assert bytes(channels.towerPay(key.id, name, (1, nonce, name, amounts[0], until))) == pay
    promise = {"client": name, "minNonce": nonce, "tower": name, "reward": amounts[0]}
    assert pay == by_library(domain, "TowerPay", channelId=key.id, **promise, validUntil=until)

    voucher = voucher_name(voucher_ref(who, key.salt), until)
    digest = domain.voucher(voucher, amounts[0])
    assert bytes(channels.voucher(voucher, amounts[0])) == digest
    assert digest == by_library(domain, "Voucher", name=voucher, amount=amounts[0])


invoices = st.builds(
    Invoice,
    uint64,
    addresses,
    st.binary(max_size=70),
    addresses,
    uint128,
    hashes32,
    hashes32,
    uint64,
    uint64,
    uint64,
    st.text(max_size=70),
)


@PROPERTY
@given(invoices)
def test_invoice(invoice):
    """No contract looks at it. Payee and description are of any length: they are hashed first."""
    assert invoice.digest() == by_library(
        SigningDomain(invoice.chain_id, invoice.contract),
        "Invoice",
        payee=invoice.payee,
        token=to_checksum_address(invoice.token),
        amount=invoice.amount,
        hash=invoice.ref,
        paymentSecret=invoice.payment_secret,
        created=invoice.created,
        expires=invoice.expires,
        finalDelta=invoice.final_delta,
        description=invoice.description,
    )


@PROPERTY
@given(keys, st.lists(locks, max_size=8))
def test_names_and_locks(channels, key, some):
    fields = (key.party0, key.party1, key.token, key.window, key.salt)
    assert (
        bytes(
            channels.id(
                tuple(to_checksum_address(each) if len(each) == 20 else each for each in fields[:3]) + fields[3:]
            )
        )
        == key.id
    )
    data = encode_locks(some)
    assert decode_locks(data) == tuple(some)
    found = channels.locks(data)
    assert [(lock.amount, lock.expiry, lock.kind, bytes(lock.ref)) for lock in found] == [
        (lock.amount, lock.expiry, lock.kind, lock.ref) for lock in some
    ]


@pytest.mark.parametrize("data", [b"\0" * 53, b"\0" * 54 * 65, b"\0" * 21 + b"\3" + b"\0" * 32])
def test_other_bytes_are_no_locks(data):
    with pytest.raises(EncodingError):
        decode_locks(data)
