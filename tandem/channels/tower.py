"""What a watchtower promises: a receipt for a channel's newest states, which shows it up where it did not keep them.

Receipt: EIP-712 `TowerReceipt(bytes32 channelId,address client,uint64 theirNonce,uint64 ownNonce,uint128 reward,uint64
validUntil,uint64 time)`, by the tower. It promises: when the channel is being closed, with a window that begins after
`time` and ends before `validUntil`, no older state of the lane that pays the client stands to the end, as long as the
client's part can pay the reward. Who holds it, and both lanes, can prove to anyone that it was broken: `is_breach`.
"""

from dataclasses import dataclass

from tandem.channels.endpoint import SignedLane
from tandem.channels.ledger import OnChain, Status
from tandem.channels.settlement import Knowledge, settle
from tandem.channels.signing import SigningDomain, check_signature
from tandem.channels.states import Lane, Side
from tandem.primitives.types import Address, Hash, Seconds


@dataclass(frozen=True, slots=True)
class Receipt:
    """The tower has these states. `their_nonce`: of the lane that pays the client; `time`: a timestamp.

    `reward`: what it gets of what it saves, wei or the token's units, by the client's signature until `valid_until`.
    """

    chain_id: int
    channel: Hash
    client: Address
    their_nonce: int
    own_nonce: int
    reward: int
    valid_until: Seconds
    time: Seconds
    signature: bytes = b""

    def digest(self, domain: SigningDomain) -> Hash:
        """What the tower signs."""
        nonces = self.their_nonce, self.own_nonce
        return domain.tower_receipt(self.channel, self.client, nonces, self.reward, self.valid_until, self.time)

    def check(self, domain: SigningDomain, tower: Address) -> None:
        """BadSignature unless the tower has signed it."""
        check_signature(self.digest(domain), self.signature, tower)


def is_breach(receipt: Receipt, theirs: SignedLane, own: SignedLane, settled: OnChain, domain: SigningDomain) -> bool:
    """Whether the tower has let an older state of the lane that pays its client stand to the end.

    `theirs` and `own`: what it had, as the receipt names it. BadSignature where these are not signed by both parties.
    """
    key = settled.key
    side = key.side(receipt.client)
    other: Side = 0 if side else 1
    if (receipt.channel, receipt.their_nonce, receipt.own_nonce) != (key.id, theirs.lane.nonce, own.lane.nonce):
        return False
    for lane_side, signed in ((other, theirs), (side, own)):
        if signed != SignedLane():  # of which there are no signatures
            signed.check(domain, key, lane_side)
    had_time = receipt.time <= settled.settle_at - key.window and settled.settle_at <= receipt.valid_until
    was_closed = settled.status == Status.SETTLED and settled.closed_by is not None
    has_run = settled.settled_at >= settled.settle_at  # or both have agreed to another end meanwhile
    newest_own = max(own.lane, settled.shown[side], key=lambda lane: lane.nonce)
    is_paid = least_part(settled, side, theirs.lane, newest_own) >= receipt.reward
    return was_closed and has_run and had_time and is_paid and settled.shown[other].nonce < receipt.their_nonce


def least_part(on_chain: OnChain, side: Side, theirs: Lane, own: Lane) -> int:
    """What a side gets if these lanes are the last ones, whatever secrets come out, wei or the token's units.

    Own locks count as paid, the other's as not.
    """
    worst = Lane(own.nonce, own.transferred + own.locked)
    lanes = (theirs, worst) if side else (worst, theirs)
    return settle(on_chain.funds, lanes, Knowledge())[side]
