"""x402's scheme `batch-settlement`: a channel's terms, what is signed about it (EIP-712), and what a service asks for.

Pure. The twin of contracts/x402/SettlementTypes.sol.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NewType

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from tandem.chain.predeploys import X402
from tandem.primitives.hashing import address_word, keccak, word
from tandem.primitives.types import Address, Hash, Seconds

Units = NewType("Units", int)
"""An amount of the token, in its smallest unit."""

SCHEME = "batch-settlement"
SETTLEMENT = X402["BatchSettlement"]
COLLECTOR = X402["Erc3009Collector"]
NAME, VERSION = "x402 Batch Settlement", "1"
ENTRY = "ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)"
TYPES = {
    "EIP712Domain": "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
    "ChannelConfig": "ChannelConfig(address payer,address payerAuthorizer,address receiver,address receiverAuthorizer,"
    "address token,uint40 withdrawDelay,bytes32 salt)",
    "Voucher": "Voucher(bytes32 channelId,uint128 maxClaimableAmount)",
    "Refund": "Refund(bytes32 channelId,uint256 nonce,uint128 amount)",
    "ClaimBatch": "ClaimBatch(ClaimEntry[] claims)" + ENTRY,
    "ClaimEntry": ENTRY,
}
TYPE_HASHES = {name: keccak(text.encode()) for name, text in TYPES.items()}
LEAST_DELAY, MOST_DELAY = Seconds(900), Seconds(2_592_000)
"""Of withdrawals (the contract's LEAST_DELAY, MOST_DELAY)."""


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """A channel's terms, of which its name is the hash."""

    payer: Address
    payer_authorizer: Address
    """Whose key signs vouchers."""
    receiver: Address
    receiver_authorizer: Address
    """Whose key signs claims and refunds."""
    token: Address
    withdraw_delay: Seconds
    salt: Hash

    @property
    def parties(self) -> tuple[Address, Address, Address, Address, Address]:
        """All of its addresses, in order."""
        return self.payer, self.payer_authorizer, self.receiver, self.receiver_authorizer, self.token

    @property
    def abi(self) -> tuple[Any, ...]:
        """As the contract takes it."""
        return *map(to_checksum_address, self.parties), self.withdraw_delay, self.salt


@dataclass(frozen=True, slots=True)
class Claim:
    """A voucher, and how much of it is claimed."""

    config: ChannelConfig
    most: Units
    signature: bytes
    total: Units


@dataclass(frozen=True, slots=True)
class Domain:
    """Where signatures count: the contract on one chain."""

    chain_id: int
    separator: Hash = field(init=False, compare=False)

    def __post_init__(self) -> None:
        named = TYPE_HASHES["EIP712Domain"] + keccak(NAME.encode()) + keccak(VERSION.encode())
        object.__setattr__(self, "separator", keccak(named + word(self.chain_id) + address_word(SETTLEMENT)))

    def channel_id(self, config: ChannelConfig) -> Hash:
        """A channel's name."""
        words = b"".join(map(address_word, config.parties)) + word(config.withdraw_delay) + config.salt
        return self._digest("ChannelConfig", words)

    def voucher(self, channel_id: Hash, most: Units) -> Hash:
        """What a client signs for each request: all that may ever be claimed."""
        return self._digest("Voucher", channel_id + word(most))

    def refund(self, channel_id: Hash, nonce: int, amount: Units) -> Hash:
        """What a service signs to give back."""
        return self._digest("Refund", channel_id + word(nonce) + word(amount))

    def claims(self, claims: Iterable[Claim]) -> Hash:
        """What a service signs to claim of many channels at once."""
        entries = b""
        for claim in claims:
            words = self.channel_id(claim.config) + word(claim.most) + word(claim.total)
            entries += keccak(TYPE_HASHES["ClaimEntry"] + words)
        return self._digest("ClaimBatch", keccak(entries))

    def _digest(self, name: str, words: bytes) -> Hash:
        return keccak(b"\x19\x01" + self.separator + keccak(TYPE_HASHES[name] + words))


@dataclass(frozen=True, slots=True)
class Deposit:
    """An EIP-3009 authorization that comes along with a payment."""

    amount: Units
    valid_after: int
    valid_before: int
    salt: int
    signature: bytes

    @property
    def collector_data(self) -> bytes:
        """As Erc3009Collector takes it."""
        values = (self.valid_after, self.valid_before, self.salt, self.signature)
        return encode(["uint256", "uint256", "uint256", "bytes"], values)


@dataclass(frozen=True, slots=True)
class Payment:
    """What a client sends along with a request. `most`: its voucher's."""

    accepted: Mapping[str, Any]
    """The offer that it takes."""
    config: ChannelConfig
    channel_id: Hash
    most: Units
    signature: bytes
    deposit: Deposit | None = None


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """What it sends to have back what was not charged, or `amount` of it."""

    payment: Payment
    amount: Units | None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a service asks for, the same for every request."""

    chain_id: int
    token: Address
    token_name: str
    """Of the token's EIP-712 domain, as the version."""
    token_version: str
    receiver: Address
    authorizer: Address
    price: Units
    least_deposit: Units
    withdraw_delay: Seconds
    timeout: Seconds
    """How long the client's authorization of a deposit is good, by its clock."""

    @property
    def network(self) -> str:
        """CAIP-2."""
        return f"eip155:{self.chain_id}"

    @property
    def json(self) -> dict[str, Any]:
        """An entry of x402's `accepts`."""
        return {
            "scheme": SCHEME,
            "network": self.network,
            "amount": str(self.price),
            "asset": to_checksum_address(self.token),
            "payTo": to_checksum_address(self.receiver),
            "maxTimeoutSeconds": self.timeout,
            "extra": {
                "receiverAuthorizer": to_checksum_address(self.authorizer),
                "withdrawDelay": self.withdraw_delay,
                "name": self.token_name,
                "version": self.token_version,
                "minDeposit": str(self.least_deposit),
            },
        }

    def is_accepted(self, accepted: Mapping[str, Any]) -> bool:
        """Whether a client has taken this offer. It may have added to it."""
        ours = self.json
        terms, theirs = ours.pop("extra"), accepted.get("extra")
        if not isinstance(theirs, Mapping):
            return False
        return _has(accepted, ours) and _has(theirs, terms)

    def fits(self, config: ChannelConfig) -> bool:
        """Whether a channel pays us, in our token, with time enough to claim."""
        terms = (config.receiver, config.receiver_authorizer, config.token, config.withdraw_delay)
        return terms == (self.receiver, self.authorizer, self.token, self.withdraw_delay)


def _has(mapping: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(mapping.get(key) == value for key, value in wanted.items())
