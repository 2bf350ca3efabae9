"""Figures of a node for Prometheus."""

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from channels.node import Node


def render(node: Node) -> bytes:
    """As they are now."""
    registry = CollectorRegistry()

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"tandem_channels_{name}", text, labels, registry=registry)

    happened = gauge("happened", "Events since the start", "kind")
    for kind, count in node.chronicle.counts.items():
        happened.labels(kind).set(count)
    gauge("fees", "Fees for payments handed on since the start, wei").set(node.chronicle.sums["fee"])
    gauge("neighbours", "Nodes that are connected").set(len(node.neighbours.sessions()))
    balance = gauge("channel_units", "Wei or the token's units in a channel", "channel", "chain", "what")
    for channel in node.channels.values():
        name, chain, side = channel.id[:4].hex(), channel.chain.name, channel.side
        balance.labels(name, chain, "spendable").set(side.spendable)
        balance.labels(name, chain, "receivable").set(side.receivable)
        balance.labels(name, chain, "locked_out").set(side.proposed.locked)
        balance.labels(name, chain, "locked_in").set(side.theirs.lane.locked)
    block = gauge("chain_block", "Newest block read", "chain")
    reachable = gauge("chain_reachable", "Whether the chain answers", "chain")
    gas = gauge("chain_gas_used", "Gas of own transactions since the start", "chain")
    for each in node.chains.values():
        block.labels(each.name).set(each.block)
        reachable.labels(each.name).set(each.is_reachable)
        gas.labels(each.name).set(each.gas_used)
    return generate_latest(registry)
