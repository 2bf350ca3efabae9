"""The service of examples/paid_api on a chain made of values, and what clients send it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from examples.paid_api.errors import ChainFailed, NotSold, Rejected
from examples.paid_api.scheme import ChannelConfig, Claim, Deposit, Domain, Offer, Payment, Units
from examples.paid_api.store import OnChain
from tandem.channels.signing import sign_digest
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import Address, Hash, Seconds

CHAIN_ID = 42069
PAYER, SERVICE, OTHER = (keccak(name) for name in (b"payer", b"service", b"other"))
TOKEN, RECEIVER = Address(b"\1" * 20), Address(b"\2" * 20)
PRICE, DEPOSIT, DELAY = 10, 100, 3_600
RESOURCE = "GET /blocks/1?"
OFFER = Offer(
    chain_id=CHAIN_ID,
    token=TOKEN,
    token_name="Payment token",
    token_version="1",
    receiver=RECEIVER,
    authorizer=address_of(SERVICE),
    price=Units(PRICE),
    least_deposit=Units(DEPOSIT),
    withdraw_delay=Seconds(DELAY),
    timeout=Seconds(300),
)
DOMAIN = Domain(CHAIN_ID)
CONFIG = ChannelConfig(
    address_of(PAYER), address_of(PAYER), RECEIVER, address_of(SERVICE), TOKEN, Seconds(DELAY), Hash(bytes(32))
)


@dataclass
class ToyChain:
    """Does what it is told to, and keeps what it was told."""

    balances: dict[Hash, int] = field(default_factory=dict)
    claimed: dict[Hash, int] = field(default_factory=dict)
    final: dict[Hash, int] | None = field(default_factory=dict)
    """What was claimed as of a block that stays; None: it does not know."""
    nonces: dict[Hash, int] = field(default_factory=dict)
    withdraw_since: int = 0
    failure: Exception | None = None
    """Of transactions."""
    refusal: Exception | None = None
    """Of what would be one."""
    refused: set[Hash] = field(default_factory=set)
    """Channels of which nothing can be claimed."""
    looks: int = 0
    batches: list[int] = field(default_factory=list)
    settled: int = 0
    domain: Domain = DOMAIN
    address: Address = address_of(SERVICE)

    def channel(self, channel_id: Hash) -> OnChain:
        self.looks += 1
        numbers = (self.balances.get(channel_id, 0), self.claimed.get(channel_id, 0))
        return OnChain(*map(Units, numbers), Seconds(self.withdraw_since), self.nonces.get(channel_id, 0), time.time())

    def final_claimed(self, channel_id: Hash) -> Units:
        if self.final is None:
            raise ChainFailed("missing trie node")
        return Units(self.final.get(channel_id, 0))

    def try_deposit(self, config: ChannelConfig, deposit: Deposit) -> None:
        self._fail(self.refusal)

    def try_refund(self, config: ChannelConfig, claims: Sequence[Claim], amount: Units) -> None:
        self._fail(self.refusal)

    def deposit(self, config: ChannelConfig, deposit: Deposit) -> str:
        self._fail(self.failure)
        channel_id = DOMAIN.channel_id(config)
        self.balances[channel_id] = self.balances.get(channel_id, 0) + deposit.amount
        return "0xdeposit"

    def claim(self, claims: Sequence[Claim]) -> str:
        self._fail(self.failure)
        self.batches.append(len(claims))
        if self.refused & {DOMAIN.channel_id(claim.config) for claim in claims}:
            raise Rejected("a bad row")
        for claim in claims:
            assert claim.total <= claim.most
            channel_id = DOMAIN.channel_id(claim.config)
            assert claim.total <= self.balances[channel_id]
            self.claimed[channel_id] = max(claim.total, self.claimed.get(channel_id, 0))
        return "0xclaim"

    def refund(self, config: ChannelConfig, claims: Sequence[Claim], nonce: int, amount: Units) -> str:
        self._fail(self.failure)
        channel_id = DOMAIN.channel_id(config)
        assert nonce == self.nonces.get(channel_id, 0)
        self.claim(claims)
        self.nonces[channel_id] = nonce + 1
        self.balances[channel_id] -= min(amount, self.balances[channel_id] - self.claimed.get(channel_id, 0))
        return "0xrefund"

    def unsettled(self, receiver: Address, token: Address) -> Units:
        return Units(sum(self.claimed.values()) - self.settled)

    def settle(self, receiver: Address, token: Address) -> str:
        self.settled = sum(self.claimed.values())
        return "0xsettle"

    def block_facts(self, number: int) -> dict[str, Any]:
        if number > 5:
            raise NotSold(f"there is no block {number}")
        return {"number": number}

    def _fail(self, failure: Exception | None) -> None:
        if failure is not None:
            raise failure


def payment(most: int, deposit: int | None = None, *, config: ChannelConfig = CONFIG, key: bytes = PAYER) -> Payment:
    """As a client makes it."""
    channel_id = DOMAIN.channel_id(config)
    signature = sign_digest(DOMAIN.voucher(channel_id, Units(most)), key)
    authorization = None if deposit is None else Deposit(Units(deposit), 0, 2**40, 7, bytes(65))
    return Payment(OFFER.json, config, channel_id, Units(most), signature, authorization)


def told(header: str) -> Any:
    """What is in a header of the service's."""
    return json.loads(base64.b64decode(header))


def header(content: Any) -> str:
    """A header as clients send it."""
    return base64.b64encode(json.dumps(content).encode()).decode()


CAPTURED: dict[str, Any] = {
    "x402Version": 2,
    "payload": {
        "type": "deposit",
        "channelConfig": {
            "payer": "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A",
            "payerAuthorizer": "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A",
            "receiver": "0x1563915e194D8CfBA1943570603F7606A3115508",
            "receiverAuthorizer": "0x5CbDd86a2FA8Dc4bDdd8a8f69dBa48572EeC07FB",
            "token": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
            "withdrawDelay": 900,
            "salt": "0x" + "00" * 32,
        },
        "voucher": {
            "channelId": "0x410295cf5257fdbe5b71b6dde929c8594b1b17d2f6d627e4ca6e84ee2ef2a903",
            "maxClaimableAmount": "1000",
            "signature": "0x074a0789bae24755fc8dcbb7a3d50615c78138bcff1407af37999b0d552acab6"
            "657314065f3537bc5f88c8b1562f61dbaddd24a4949c8ff28af6c2f2d46dd8501c",
        },
        "deposit": {
            "amount": "10000",
            "authorization": {
                "erc3009Authorization": {
                    "validAfter": "0",
                    "validBefore": "1795804336",
                    "salt": "0x3cd91b6da325fdc0447ddded6cf70d41e1395beda2c700194f11c1485bf71764",
                    "signature": "0x788007dba1dbaed6c34bbae807740a0d732ec5fab7826bab9a4f0ceb93a13a57"
                    "6b717e4f5bfc02f8b32d2312bba928a10b4c78cb6c61abaaa34b9a2343dc0cc41b",
                }
            },
        },
    },
    "accepted": {"scheme": "batch-settlement"},
    "resource": {"url": "http://x/a"},
}
"""What the package `x402` 2.25.0 has sent, but for the offer."""
