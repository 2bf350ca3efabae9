"""What the REST interface tells of the node: the shapes of models.py, filled from what it has."""

from typing import Any

from channels.channel import Channel
from channels.match_book import KeptMatch
from channels.models import (
    ChainView,
    ChannelView,
    EdgeView,
    ErrorView,
    HopView,
    InfoView,
    InvoiceView,
    LockView,
    NetworkView,
    NodeView,
    PaymentView,
    RateView,
    SessionView,
    TowerView,
)
from channels.node import Node
from channels.records import InvoiceRecord, PaymentRecord
from tandem.channels.invoices import decode_invoice
from tandem.channels.ledger import OnChain
from tandem.l1.contracts import checksum


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
