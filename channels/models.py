"""What the REST interface takes and gives. Amounts: decimal strings, wei or the token's units. Times: timestamps."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Amount = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,38})$"), Field(examples=["1000000000000000"])]
Hex = Annotated[str, StringConstraints(pattern=r"^0x([0-9a-fA-F]{2})*$")]
AddressText = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")]
NodeText = Annotated[str, Field(description="public key @ host : port; the place may be left out where it is known")]


class Strict(BaseModel):
    """Nothing but what is named."""

    model_config = ConfigDict(extra="forbid")


class OpenRequest(Strict):
    """A channel with another node."""

    node: NodeText
    chain: str = Field(examples=["L1", "L2"])
    amount: Amount
    token: AddressText | None = Field(None, description="ERC-20; without it: ether")
    window: int | None = Field(None, description="seconds between a lone close and the settlement")


class AmountRequest(Strict):
    """How much."""

    amount: Amount


class CloseRequest(Strict):
    """How to end a channel."""

    alone: bool = Field(False, description="without the other side: its window must pass")


class InvoiceRequest(Strict):
    """What to ask for."""

    amount: Amount
    chain: str
    token: AddressText | None = None
    description: str = Field("", max_length=500)
    life: int = Field(3_600, description="seconds that it is valid")
    hold: bool = Field(False, description="what comes in waits until it is taken or refused")


class DecideRequest(Strict):
    """Of what is held for an invoice."""

    take: bool


class SessionRequest(Strict):
    """To play with the other side of a channel."""

    channel: str = Field(description="its name, or the beginning of it")
    app: str = Field(examples=["tic-tac-toe"])
    stake: Amount = Field(description="what each player can lose")
    first: bool = Field(True, description="whether we begin")
    life: int | None = Field(None, ge=1, lt=2**32, description="seconds until it must have begun; default: an hour")
    timeout: int | None = Field(
        None, ge=1, lt=2**32, description="seconds of each player in a dispute; default: the longest"
    )


class AcceptRequest(Strict):
    """Whether to play."""

    accept: bool


class MoveRequest(Strict):
    """A turn of ours."""

    move: str = Field(max_length=1_000, description="as the app writes moves; tic-tac-toe: a cell, 1 to 9")


class PayRequest(Strict):
    """An invoice to pay."""

    invoice: str
    most_fee: Amount | None = Field(None, description="default: a twentieth of the amount and 1000 more")


class RebalanceRequest(Strict):
    """Money from one channel of ours to another."""

    out: Hex
    into: Hex
    amount: Amount
    most_fee: Amount = "0"


class ClaimRequest(Strict):
    """What a settlement could not pay out."""

    chain: str
    token: AddressText | None = None


class Claimed(BaseModel):
    """It is in our account."""

    amount: Amount


class ConnectRequest(Strict):
    """A node to stay connected with."""

    node: NodeText


class Opened(BaseModel):
    """The name of a channel."""

    id: Hex


class Done(BaseModel):
    """It is done."""

    done: bool = True


class ChainView(BaseModel):
    """A chain that channels live on."""

    name: str
    chain_id: int
    block: int
    is_reachable: bool
    balance: Amount
    transactions: int
    gas_used: int
    window: int
    least_window: int


class InfoView(BaseModel):
    """The node."""

    node: str
    address: str
    is_ready: bool
    is_reachable: bool
    channels: int
    neighbours: int
    chains: list[ChainView]


class LockView(BaseModel):
    """A payment on a condition."""

    ref: Hex
    amount: Amount
    expiry: int
    is_outgoing: bool
    is_secret_known: bool


class ChannelView(BaseModel):
    """A channel of ours."""

    id: Hex
    chain: str
    token: str
    symbol: str
    decimals: int
    other: str
    other_node: str | None
    status: str
    is_connected: bool
    spendable: Amount
    receivable: Amount
    deposit: Amount
    other_deposit: Amount
    unconfirmed: Amount
    withdrawn: Amount
    locks: list[LockView]
    paid: Amount
    received: Amount
    states: int
    window: int
    settle_at: int | None
    shown: list[int] = Field(description="on chain while it is closing: the states of our lane and of the other's")
    trouble: str | None
    towers: int = Field(description="watchtowers that have promised to watch the newest states")


class RateView(BaseModel):
    """What a tower watches, for at least so much of it."""

    chain_id: int
    token: AddressText
    least_reward: Amount


class TowerView(BaseModel):
    """A watchtower of ours."""

    public_key: Hex
    url: str
    is_connected: bool
    reward_ppm: int | None
    rates: list[RateView]
    channels: int = Field(description="of which it has promised to watch the newest states")
    refusal: str | None


class InvoiceView(BaseModel):
    """An invoice of ours."""

    ref: Hex
    invoice: str
    amount: Amount
    chain_id: int
    token: str
    description: str
    created: int
    expires: int
    is_waiting: bool = Field(description="whether a payment is held until its owner decides")
    paid: Amount | None = Field(description="when it is ours for good")
    paid_at: int | None


class SessionView(BaseModel):
    """An application session of ours."""

    id: Hex
    channel: Hex
    app: str
    stake: Amount = Field(description="of ours, on our lane until it is paid or comes back")
    other_stake: Amount
    is_ours: bool = Field(description="whether we have asked for it")
    player: int
    state: str = Field(description="offered, accepted, playing, over, void")
    turn: int | None = Field(description="with ours that waits for its answer")
    board: str | None = Field(description="the same")
    is_answered: bool = Field(description="whether both have signed it, or the chain has it")
    is_our_turn: bool
    on_chain: int | None = Field(description="the turn that stands there")
    deadline: int | None = Field(description="of who is at turn there")
    until: int = Field(description="when it must have begun")
    timeout: int
    created: int
    won: Amount | None
    lost: Amount | None
    reason: str


class HopView(BaseModel):
    """A lock on a way."""

    chain: str
    channel: Hex
    source: str
    target: str
    amount: Amount


class PaymentView(BaseModel):
    """A payment of ours."""

    ref: Hex
    payee: Hex
    token: str
    amount: Amount
    fee: Amount
    outcome: str
    description: str
    attempts: int
    way: list[HopView]
    proof: Hex | None
    created: int
    ended: int | None
    error: str


class RouteView(BaseModel):
    """A way."""

    fee: Amount
    hops: list[HopView]


class NodeView(BaseModel):
    """Another node."""

    public_key: Hex
    address: str
    url: str
    is_connected: bool


class EdgeView(BaseModel):
    """A channel in one direction, as its source tells of it."""

    chain: str
    channel: Hex
    source: str
    target: str
    token: str
    fee_base: Amount
    fee_ppm: int
    delta: int
    capacity: Amount
    is_open: bool


class NetworkView(BaseModel):
    """What gossip has told."""

    nodes: list[NodeView]
    edges: list[EdgeView]


class ErrorView(BaseModel):
    """Why not."""

    error: str
    message: str
