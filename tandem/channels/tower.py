"""What a watchtower promises: a receipt for a channel's newest states, which shows it up where it did not keep them.

Receipt: EIP-712 `TowerReceipt(bytes32 channelId,address client,uint64 theirNonce,uint64 ownNonce,uint64 time)`, by the
tower. Who holds one that is older than the channel's closing, while an older state of the other's lane was settled, can
prove to anyone that the tower has failed: `is_breach`.
"""

from dataclasses import dataclass

from tandem.channels.ledger import OnChain, Status
from tandem.channels.signing import SigningDomain, check_signature
from tandem.primitives.types import Address, Hash, Seconds


@dataclass(frozen=True, slots=True)
class Receipt:
    """The tower has these states. `their_nonce`: of the lane that pays the client; `time`: a timestamp."""

    chain_id: int
    channel: Hash
    client: Address
    their_nonce: int
    own_nonce: int
    time: Seconds
    signature: bytes = b""

    def digest(self, domain: SigningDomain) -> Hash:
        """What the tower signs."""
        return domain.tower_receipt(self.channel, self.client, self.their_nonce, self.own_nonce, self.time)

    def check(self, domain: SigningDomain, tower: Address) -> None:
        """BadSignature unless the tower has signed it."""
        check_signature(self.digest(domain), self.signature, tower)


def is_breach(receipt: Receipt, settled: OnChain) -> bool:
    """Whether the tower has let an older state of the lane that pays its client stand to the end.

    It had the whole window: the receipt must be older than that.
    """
    side = settled.key.side(receipt.client)
    shown = settled.shown[1 - side].nonce
    had_time = receipt.time <= settled.settle_at - settled.key.window
    return (
        settled.status == Status.SETTLED and settled.closed_by is not None and had_time and shown < receipt.their_nonce
    )
