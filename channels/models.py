"""What the REST interface takes and gives. Amounts: decimal strings, wei or the token's units. Times: timestamps."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from channels.channel import Channel
from channels.match_book import KeptMatch
from channels.node import Node
from channels.records import InvoiceRecord, PaymentRecord
from tandem.channels.invoices import decode_invoice
from tandem.channels.ledger import OnChain
from tandem.l1.contracts import checksum

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


async def channel_view(node: Node, channel: Channel) -> ChannelView:
    """As it is now."""
    side, chain = channel.side, channel.chain
    latest = chain.latest.channels.get(channel.id, OnChain(channel.key))
    info = await chain.describe(channel.key.token)
    key = node.public_key(channel.other)
    own, other = side.side, side.other
    locks = [
        LockView(
            ref=_hex(lock.ref),
            amount=str(lock.amount),
            expiry=lock.expiry,
            is_outgoing=is_outgoing,
            is_secret_known=lock.ref in side.secrets,
        )
        for is_outgoing, lane in ((True, side.proposed), (False, side.theirs.lane))
        for lock in lane.locks
    ]
    return ChannelView(
        id=_hex(channel.id),
        chain=chain.name,
        token=checksum(channel.key.token),
        symbol=info.symbol,
        decimals=info.decimals,
        other=checksum(channel.other),
        other_node=None if key is None else _hex(key),
        status=latest.status.value,
        is_connected=channel.peer.is_ready,
        spendable=str(max(0, side.spendable)),
        receivable=str(max(0, side.receivable)),
        deposit=str(side.funds.deposits[own]),
        other_deposit=str(side.funds.deposits[other]),
        unconfirmed=str(sum(latest.funds.deposits) - sum(side.funds.deposits)),
        withdrawn=str(side.funds.withdrawn[own]),
        locks=locks,
        paid=str(side.mine.lane.transferred),
        received=str(side.theirs.lane.transferred),
        states=side.mine.lane.nonce + side.theirs.lane.nonce,
        window=channel.key.window,
        settle_at=latest.settle_at or None,
        shown=[latest.shown[own].nonce, latest.shown[other].nonce],
        trouble=channel.peer.trouble,
        towers=node.towers.covers(channel),
    )


async def info_view(node: Node) -> InfoView:
    """The node now."""
    chains = [
        ChainView(
            name=chain.name,
            chain_id=chain.id,
            block=chain.block,
            is_reachable=chain.is_reachable,
            balance=str(await chain.balance()),
            transactions=chain.transactions,
            gas_used=chain.gas_used,
            window=chain.timing.window,
            least_window=chain.timing.least_window,
        )
        for chain in node.chains.values()
    ]
    return InfoView(
        node=node.uri,
        address=checksum(node.identity.address),
        is_ready=node.is_ready,
        is_reachable=bool(node.settings.url),
        channels=len(node.channels),
        neighbours=len(node.neighbours.sessions()),
        chains=chains,
    )


def tower_views(node: Node) -> list[TowerView]:
    """All that watch for us."""
    return [
        TowerView(
            public_key=_hex(guard.uri.public_key),
            url=guard.uri.url,
            is_connected=node.neighbours.session(guard.address) is not None,
            reward_ppm=None if guard.terms is None else guard.terms.reward_ppm,
            rates=[
                RateView(chain_id=rate.chain_id, token=checksum(rate.token), least_reward=str(rate.least))
                for rate in (guard.terms.rates if guard.terms is not None else ())
            ],
            channels=sum(guard.covers(channel) for channel in node.channels.values()),
            refusal=guard.refusal,
        )
        for guard in node.towers.guards.values()
    ]


def invoice_view(node: Node, record: InvoiceRecord) -> InvoiceView:
    """With what it says."""
    invoice = decode_invoice(record.line)
    return InvoiceView(
        ref=_hex(record.ref),
        invoice=record.line,
        amount=str(invoice.amount),
        chain_id=invoice.chain_id,
        token=checksum(invoice.token),
        description=invoice.description,
        created=invoice.created,
        expires=invoice.expires,
        is_waiting=node.invoices.is_waiting(record.ref),
        paid=None if record.paid_at is None else str(record.accepted),
        paid_at=record.paid_at,
    )


def session_view(node: Node, kept: KeptMatch) -> SessionView:
    """As it stands."""
    match, play = kept.match, kept.match.play
    begun, result = play.position is not None, match.result
    stands = play.waiting if begun and play.waiting is not None else play.position
    own, other = match.stakes
    put = node.chains[kept.chain_id].latest.sessions.get(play.session.id)
    state = "playing" if begun else "offered" if match.salt is None else "accepted"
    if match.void or result is not None:
        state = "void" if match.void else "over"
    return SessionView(
        id=_hex(match.name),
        channel=_hex(play.channel),
        app=play.rules.name,
        stake=str(own),
        other_stake=str(other),
        is_ours=match.is_ours,
        player=play.player,
        state=state,
        turn=None if stands is None else stands.turn,
        board=None if stands is None else play.rules.show(stands.state),
        is_answered=play.waiting is None,
        is_our_turn=state == "playing" and play.is_our_turn,
        on_chain=None if put is None else put.turn,
        deadline=None if put is None or result is not None else put.deadline,
        until=match.until,
        timeout=play.session.timeout,
        created=kept.created,
        won=None if result is None else str(result[play.player]),
        lost=None if result is None else str(result[play.other]),
        reason=match.void,
    )


def payment_view(node: Node, record: PaymentRecord) -> PaymentView:
    """With the way of its last attempt."""
    names = {chain.id: chain.name for chain in node.chains.values()}
    way = [
        HopView(
            chain=names.get(step.chain_id, str(step.chain_id)),
            channel=_hex(step.channel),
            source=checksum(step.source),
            target=checksum(step.target),
            amount=str(step.amount),
        )
        for step in record.way
    ]
    return PaymentView(
        ref=_hex(record.ref),
        payee=_hex(record.payee),
        token=checksum(record.token),
        amount=str(record.amount),
        fee=str(record.fee),
        outcome=record.outcome.value,
        description=record.description,
        attempts=record.attempts,
        way=way,
        proof=None if record.secret is None else _hex(record.secret),
        created=record.created,
        ended=record.ended,
        error=record.error,
    )


def network_view(node: Node) -> NetworkView:
    """All that gossip has told."""
    crier, neighbours = node.crier, node.neighbours
    nodes = [
        NodeView(
            public_key=_hex(news.public_key),
            address=checksum(address),
            url=news.url,
            is_connected=neighbours.session(address) is not None,
        )
        for news, address in crier.nodes()
    ]
    edges = [
        EdgeView(
            chain=node.chains[news.chain_id].name,
            channel=_hex(news.channel),
            source=checksum(edge.source),
            target=checksum(edge.target),
            token=checksum(node.chains[news.chain_id].latest.channels[news.channel].key.token),
            fee_base=str(news.fee_base),
            fee_ppm=news.fee_ppm,
            delta=news.delta,
            capacity=str(edge.capacity),
            is_open=news.is_open,
        )
        for news, edge in crier.news()
    ]
    return NetworkView(nodes=nodes, edges=edges)


def error_view(error: Exception) -> dict[str, Any]:
    """An error as it is answered."""
    return ErrorView(error=type(error).__name__, message=str(error)).model_dump()


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
