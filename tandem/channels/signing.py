"""EIP-712 digests of all that is signed about channels, and the signatures: ChannelHashing and Signatures in Solidity.

The contract's domain is worked out once for a chain; a digest is then two hashes (about 3 us), a signature or its check
one operation of libsecp256k1 (40-60 us).
"""

from dataclasses import dataclass, field

from tandem.channels.states import Lane
from tandem.errors import EncodingError, TandemError
from tandem.primitives.hashing import address_word, keccak, word
from tandem.primitives.secp256k1 import recover, sign
from tandem.primitives.types import Address, Hash, Seconds

NAME, VERSION = "Tandem Channels", "1"
TYPES = {
    "EIP712Domain": "string name,string version,uint256 chainId,address verifyingContract",
    "Lane": "bytes32 channelId,address sender,uint64 nonce,uint128 transferred,uint128 locked,bytes32 locksHash",
    "Withdraw": "bytes32 channelId,address who,uint128 total,uint64 validUntil",
    "CoopClose": "bytes32 channelId,uint128 bal0,uint128 bal1,uint64 validUntil",
    "TowerPay": "bytes32 channelId,address client,uint64 minNonce,address tower,uint128 reward,uint64 validUntil",
    "Voucher": "bytes32 name,uint128 amount",
    "TowerReceipt": "bytes32 channelId,address client,uint64 theirNonce,uint64 ownNonce,uint128 reward,"
    "uint64 validUntil,uint64 time",
    "Invoice": "bytes payee,address token,uint128 amount,bytes32 hash,bytes32 paymentSecret,uint64 created,"
    "uint64 expires,uint64 finalDelta,string description",
    "AppState": "bytes32 sessionId,uint64 turn,bytes32 stateHash",
}
"""The members of each signed structure, in order."""
TYPE_HASHES = {name: keccak(f"{name}({members})".encode()) for name, members in TYPES.items()}


class BadSignature(TandemError):
    """A signature is not by whom it should be."""


@dataclass(frozen=True, slots=True)
class SigningDomain:
    """Where signatures count: one contract on one chain."""

    chain_id: int
    contract: Address
    separator: Hash = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "separator", domain_separator(NAME, self.chain_id, self.contract))

    def lane(self, channel: Hash, sender: Address, lane: Lane) -> Hash:
        """The digest of a lane's state. `sender`: whose payments it has."""
        words = word(lane.nonce) + word(lane.transferred) + word(lane.locked) + lane.locks_hash
        return self._digest("Lane", channel + address_word(sender) + words)

    def withdraw(self, channel: Hash, who: Address, total: int, valid_until: Seconds) -> Hash:
        """Of taking money out of an open channel. `total`: with all that `who` has taken before."""
        return self._digest("Withdraw", channel + address_word(who) + word(total) + word(valid_until))

    def coop_close(self, channel: Hash, balances: tuple[int, int], valid_until: Seconds) -> Hash:
        """Of ending a channel by consent."""
        return self._digest("CoopClose", channel + word(balances[0]) + word(balances[1]) + word(valid_until))

    def tower_pay(
        self, channel: Hash, client: Address, min_nonce: int, tower: Address, reward: int, valid_until: Seconds
    ) -> Hash:
        """Of what a client pays a tower that brings a state of this nonce or a newer one."""
        words = word(min_nonce) + address_word(tower) + word(reward) + word(valid_until)
        return self._digest("TowerPay", channel + address_word(client) + words)

    def voucher(self, name: Hash, amount: int) -> Hash:
        """Of a payment in a virtual channel: all that was paid in it."""
        return self._digest("Voucher", name + word(amount))

    def tower_receipt(
        self, channel: Hash, client: Address, nonces: tuple[int, int], reward: int, valid_until: Seconds, time: Seconds
    ) -> Hash:
        """Of what a tower promises (tandem.channels.tower). No contract looks at it. `nonces`: theirs, the client's."""
        words = address_word(client) + b"".join(map(word, (*nonces, reward, valid_until, time)))
        return self._digest("TowerReceipt", channel + words)

    def invoice(
        self,
        payee: bytes,
        token: Address,
        amount: int,
        ref: Hash,
        payment_secret: Hash,
        created: Seconds,
        expires: Seconds,
        final_delta: Seconds,
        description: str,
    ) -> Hash:
        """Of what a payee asks for (tandem.channels.invoices). No contract looks at it."""
        times = word(created) + word(expires) + word(final_delta)
        words = keccak(payee) + address_word(token) + word(amount) + ref + payment_secret + times
        return self._digest("Invoice", words + keccak(description.encode()))

    def _digest(self, name: str, words: bytes) -> Hash:
        return typed_digest(self.separator, name, words)


def domain_separator(name: str, chain_id: int, contract: Address) -> Hash:
    """Of one contract on one chain."""
    named = TYPE_HASHES["EIP712Domain"] + keccak(name.encode()) + keccak(VERSION.encode())
    return keccak(named + word(chain_id) + address_word(contract))


def typed_digest(separator: Hash, name: str, words: bytes) -> Hash:
    """Of a structure in TYPES. `words`: its members, encoded."""
    return keccak(b"\x19\x01" + separator + keccak(TYPE_HASHES[name] + words))


def voucher_ref(signer: Address, salt: Hash) -> Hash:
    """What a lock of kind VOUCHER refers to."""
    return keccak(address_word(signer) + salt)


def voucher_name(ref: Hash, expiry: Seconds) -> Hash:
    """What vouchers for such a lock are registered under."""
    return keccak(ref + word(expiry))


def sign_digest(digest: Hash, secret: bytes) -> bytes:
    """65 bytes: r ‖ s ‖ v, v 27 or 28."""
    y_parity, r, s = sign(digest, secret)
    return word(r) + word(s) + bytes([27 + y_parity])


def check_signature(digest: Hash, signature: bytes, signer: Address) -> None:
    """BadSignature unless it is the signer's, in the one form that the contract takes."""
    if len(signature) != 65:
        raise BadSignature(f"a signature has 65 bytes, not {len(signature)}")
    r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
    try:
        found = recover(digest, signature[64] - 27, r, s)
    except EncodingError as reason:
        raise BadSignature(str(reason)) from reason
    if found != signer:
        raise BadSignature(f"0x{found.hex()} has signed, not 0x{signer.hex()}")
