"""A channel of x402's scheme `batch-settlement`, and what is signed about it: by eth-account, not by our own code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import ape
from eth_abi import encode
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from examples.paid_api.scheme import ChannelConfig
from tandem.primitives.types import ZERO_ADDRESS, Hash, Seconds
from tests.contracts.channel_table import address, sign_with
from tests.contracts.world import now

DELAY = 900
TYPES = {
    "ChannelConfig": "address payer,address payerAuthorizer,address receiver,address receiverAuthorizer,address token,"
    "uint40 withdrawDelay,bytes32 salt",
    "Voucher": "bytes32 channelId,uint128 maxClaimableAmount",
    "Refund": "bytes32 channelId,uint256 nonce,uint128 amount",
    "ClaimBatch": "ClaimEntry[] claims",
    "ClaimEntry": "bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed",
    "ReceiveWithAuthorization": "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
    "bytes32 nonce",
}


def digest(domain: dict[str, Any], name: str, message: dict[str, Any]) -> Hash:
    """EIP-712's, of one of the structures above."""
    names = ("ClaimBatch", "ClaimEntry") if name == "ClaimBatch" else (name,)
    types = {
        each: [dict(zip(("type", "name"), member.split(), strict=True)) for member in TYPES[each].split(",")]
        for each in names
    }
    signable = encode_typed_data(domain, types, message)
    return Hash(keccak(b"\x19" + signable.version + signable.header + signable.body))


@dataclass
class Line:
    """A channel, from a payer to a receiver whose authorizer signs for him."""

    settlement: Any
    token: Any
    payer: Any
    receiver: Any
    authorizer: Any
    payer_authorizer: Any = None
    """None: the payer's own key; "payer": nobody, the payer signs as he does."""
    delay: int = DELAY
    salt: Hash = field(default_factory=lambda: Hash(bytes(32)))

    def __post_init__(self) -> None:
        self.signer = self.payer if self.payer_authorizer in (None, "payer") else self.payer_authorizer
        authorizer = ZERO_ADDRESS if self.payer_authorizer == "payer" else address(self.signer)
        self.config = ChannelConfig(
            payer=address(self.payer),
            payer_authorizer=authorizer,
            receiver=address(self.receiver),
            receiver_authorizer=address(self.authorizer),
            token=address(self.token),
            withdraw_delay=Seconds(self.delay),
            salt=self.salt,
        )

    @property
    def abi(self) -> tuple[Any, ...]:
        return self.config.abi

    def domain(self, **other: Any) -> dict[str, Any]:
        own = {"chainId": ape.chain.chain_id, "verifyingContract": self.settlement.address}
        return {"name": "x402 Batch Settlement", "version": "1"} | own | other

    @property
    def id(self) -> Hash:
        return self.id_in(self.domain())

    def id_in(self, domain: dict[str, Any]) -> Hash:
        """The channel's name on another chain, or of another contract."""
        values = dict(zip((member.split()[1] for member in TYPES["ChannelConfig"].split(",")), self.abi, strict=True))
        return digest(domain, "ChannelConfig", values)

    @property
    def numbers(self) -> tuple[int, int]:
        """Balance and what was claimed."""
        return tuple(self.settlement.channels(self.id))

    # -- what is signed

    def voucher(self, most: int, *, by: Any = None, of: Hash | None = None, **domain: Any) -> bytes:
        message = {"channelId": of or self.id, "maxClaimableAmount": most}
        return sign_with(by or self.signer, digest(self.domain(**domain), "Voucher", message))

    def row(self, most: int, total: int, signature: bytes | None = None, **options: Any) -> tuple[Any, ...]:
        """A voucher and what is claimed by it."""
        return ((self.abi, most), self.voucher(most, **options) if signature is None else signature, total)

    def sign_refund(self, amount: int, nonce: int, *, by: Any = None, of: Hash | None = None, **domain: Any) -> bytes:
        message = {"channelId": of or self.id, "nonce": nonce, "amount": amount}
        return sign_with(by or self.authorizer, digest(self.domain(**domain), "Refund", message))

    def authorize(self, amount: int, salt: int, *, collector: Any, by: Any = None, **other: Any) -> bytes:
        """An EIP-3009 authorization for a deposit, as the collector takes it."""
        until = now() + 600
        domain = {"name": "Payment token", "version": "1", "chainId": ape.chain.chain_id}
        message = {
            "from": self.payer.address,
            "to": collector.address,
            "value": amount,
            "validAfter": 0,
            "validBefore": until,
            "nonce": keccak(encode(["bytes32", "uint256"], [self.id, salt])),
        } | other
        signed = digest(domain | {"verifyingContract": self.token.address}, "ReceiveWithAuthorization", message)
        signature = sign_with(by or self.payer, signed)
        values = (message["validAfter"], message["validBefore"], salt, signature)
        return encode(["uint256", "uint256", "uint256", "bytes"], values)

    # -- what is done

    def pay_in(self, amount: int, pull: Any, sender: Any, brought: int | None = None) -> Any:
        """By allowance; the collector may bring another amount."""
        data = b"" if brought is None else encode(["uint256"], [brought])
        return self.settlement.deposit(self.abi, amount, pull, data, sender=sender)

    def claim(self, most: int, total: int, sender: Any = None) -> Any:
        return self.settlement.claim([self.row(most, total)], sender=sender or self.receiver)

    def refund(self, amount: int, sender: Any, nonce: int | None = None) -> Any:
        nonce = self.settlement.refundNonce(self.id) if nonce is None else nonce
        return self.settlement.refundWithSignature(
            self.abi, amount, nonce, self.sign_refund(amount, nonce), sender=sender
        )


def sign_batch(lines: Sequence[Line], rows: Sequence[tuple[Any, ...]], by: Any, **domain: Any) -> bytes:
    """A batch of claims, by the receiver's authorizer."""
    entries = [
        {"channelId": line.id, "maxClaimableAmount": row[0][1], "totalClaimed": row[2]}
        for line, row in zip(lines, rows, strict=True)
    ]
    return sign_with(by, digest(lines[0].domain(**domain), "ClaimBatch", {"claims": entries}))


def told(line: Line, receipt: Any) -> list[Any]:
    """What the contract has logged; the token's logs are left out."""
    return [log for log in receipt.decode_logs() if log.contract_address == line.settlement.address]


def claims_of(line: Line, receipt: Any) -> list[tuple[bytes, int, int]]:
    """(channel, amount, total) of the claims in it."""
    logs = [log for log in told(line, receipt) if log.event_name == "Claimed"]
    return [(bytes(log.channelId), log.claimAmount, log.newTotalClaimed) for log in logs]
