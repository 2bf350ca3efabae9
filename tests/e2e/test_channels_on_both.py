"""A channel on L1 and one of the same name on L2: what is signed for one chain counts on no other."""

import time

import pytest
from eth_account.signers.local import LocalAccount
from web3.contract import Contract
from web3.exceptions import ContractCustomError

from localnet import LocalNet
from story.stage import ETHER, Layer
from tandem.channels.signing import SigningDomain, sign_digest
from tandem.channels.states import ChannelKey, Lane
from tandem.l1.contracts import abi, checksum, explain
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Address, Seconds
from tests.support.network import USERS, Harness

pytestmark = pytest.mark.e2e
WINDOW = Seconds(60)
NO_LANE = (0, 0, b"", b"", b"")
ALICE, BOB = USERS[0], USERS[1]


def raw(account: LocalAccount) -> Address:
    return Address(bytes.fromhex(account.address[2:]))


KEY = ChannelKey(raw(ALICE), raw(BOB), ZERO_ADDRESS, WINDOW, keccak(b"both"))
FIELDS = (KEY.party0, KEY.party1, KEY.token, KEY.window, KEY.salt)


def test_the_same_channel_on_both(net: LocalNet) -> None:
    harness = Harness(net)
    harness.deposit(ALICE, 5 * ETHER)
    harness.deposit(BOB, ETHER)
    address = checksum(harness.deployment.l1.channel_manager)
    codes = [layer.web3.eth.get_code(address) for layer in (harness.l1, harness.l2)]
    assert codes[0] == codes[1] != b""

    until = Seconds(int(time.time()) + 100 * 365 * 86_400)
    signatures = {}
    for layer in (harness.l1, harness.l2):
        manager = _manager(layer, harness)
        layer.call(ALICE, manager.functions.open(FIELDS, ETHER), ETHER)
        domain = SigningDomain(layer.web3.eth.chain_id, harness.deployment.l1.channel_manager)
        digest = domain.coop_close(KEY.id, (ETHER // 4, ETHER - ETHER // 4), until)
        signatures[layer.name] = [sign_digest(digest, bytes(account.key)) for account in (ALICE, BOB)]

    close = (ETHER // 4, ETHER - ETHER // 4, until)
    for layer, other in ((harness.l1, "L2"), (harness.l2, "L1")):
        manager = _manager(layer, harness)
        with pytest.raises(ContractCustomError) as refusal:
            manager.functions.coopClose(FIELDS, close, *signatures[other]).call()
        assert "BadSignature" in explain(refusal.value)
        before = layer.web3.eth.get_balance(BOB.address)
        layer.call(ALICE, manager.functions.coopClose(FIELDS, close, *signatures[layer.name]))
        assert layer.web3.eth.get_balance(BOB.address) == before + ETHER - ETHER // 4


def test_a_lone_close_on_l2_is_settled_by_l2s_clock(net: LocalNet) -> None:
    harness = Harness(net)
    key = ChannelKey(raw(ALICE), raw(BOB), ZERO_ADDRESS, WINDOW, keccak(b"alone"))
    fields = (key.party0, key.party1, key.token, key.window, key.salt)
    domain = SigningDomain(harness.l2.web3.eth.chain_id, harness.deployment.l1.channel_manager)
    manager = _manager(harness.l2, harness)
    harness.l2.call(ALICE, manager.functions.open(fields, ETHER), ETHER)
    old, new = (proof(domain, key, Lane(nonce, nonce * ETHER // 10)) for nonce in (2, 7))
    harness.l2.call(ALICE, manager.functions.close(fields, old, NO_LANE))
    harness.l2.call(BOB, manager.functions.update(fields, 0, new))
    with pytest.raises(ContractCustomError) as refusal:
        manager.functions.settle(fields, b"", b"").call()
    assert "WrongTime" in explain(refusal.value)
    settle_at = manager.functions.getChannel(key.id).call()[2]
    now = harness.l2.web3.eth.get_block("latest")["timestamp"]
    harness.l1_rpc("evm_increaseTime", settle_at - now + 1)
    harness.l1_rpc("evm_mine")

    def is_time() -> bool:
        harness.l2.send(ALICE, {"to": BOB.address, "value": 1})
        return bool(harness.l2.web3.eth.get_block("latest")["timestamp"] >= settle_at)

    harness.wait("L2's clock to pass the window", is_time)
    before = harness.l2.web3.eth.get_balance(BOB.address)
    harness.l2.call(ALICE, manager.functions.settle(fields, b"", b""))
    assert harness.l2.web3.eth.get_balance(BOB.address) == before + 7 * ETHER // 10


def _manager(layer: Layer, harness: Harness) -> Contract:
    address = checksum(harness.deployment.l1.channel_manager)
    return layer.web3.eth.contract(address=address, abi=abi("ChannelManager"))


def proof(domain: SigningDomain, key: ChannelKey, lane: Lane) -> tuple[int, int, bytes, bytes, bytes]:
    """Of side 0's lane, without locks."""
    digest = domain.lane(key.id, key.party0, lane)
    one, other = (sign_digest(digest, bytes(account.key)) for account in (ALICE, BOB))
    return lane.nonce, lane.transferred, b"", one, other
