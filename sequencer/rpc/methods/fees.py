"""Prices of gas: what to offer, and what was paid."""

from typing import Any

from sequencer.rpc import params
from sequencer.rpc.api import Api
from sequencer.rpc.encode import Json
from sequencer.rpc.errors import invalid_params
from sequencer.rpc.params import LATEST
from sequencer.rpc.registry import read, work
from tandem.chain.fees import next_base_fee
from tandem.evm.receipt import Receipt
from tandem.store import ReadSession

LEAST_TIP = 1_000_000
"""Suggested when blocks have room: 0.001 gwei, as OP Stack's sequencers suggest."""
TIP_BLOCKS = 20
"""Blocks that the suggestion looks back (as geth)."""
FULL = 0.9
"""A block filled so far counts as full: from then on tips decide."""
PRICE_HEADROOM = 110
"""eth_gasPrice, percent of the next base fee: it stays good for some blocks while that rises (2% a block at most)."""


def suggested_tip(session: ReadSession) -> int:
    """What got the cheapest in, in the median of the last full blocks; LEAST_TIP where none was full."""
    head = session.head_number()
    lowest = []
    for number in range(max(1, head - TIP_BLOCKS + 1), head + 1):
        header = session.header(number)
        if header.gas_used < header.gas_limit * FULL:
            continue
        tips = _tips(session.receipts(number), header.base_fee)
        if tips:
            lowest.append(tips[0][0])
    lowest.sort()
    return max(LEAST_TIP, lowest[len(lowest) // 2] if 2 * len(lowest) > TIP_BLOCKS // 2 else 0)


def _tips(receipts: tuple[Receipt, ...], base: int) -> list[tuple[int, int]]:
    """(tip, gas used) of a block's signed transactions, the lowest tip first. Deposits pay nothing, not even `base`."""
    return sorted(
        (receipt.effective_gas_price - base, receipt.gas_used)
        for receipt in receipts
        if receipt.effective_gas_price >= base
    )


@read("eth_gasPrice")
def gas_price(api: Api, session: ReadSession) -> str:
    """For transactions with one price: base fee with some room, and the suggested tip."""
    base = next_base_fee(session.head(), api.parameters)
    return hex(base * PRICE_HEADROOM // 100 + suggested_tip(session))


@read("eth_maxPriorityFeePerGas")
def max_priority_fee(_api: Api, session: ReadSession) -> str:
    """The suggested tip."""
    return hex(suggested_tip(session))


@read("eth_blobBaseFee")
def blob_base_fee(_api: Api, _session: ReadSession) -> str:
    """L2 carries no blobs: EIP-4844's minimum."""
    return "0x1"


@read("eth_baseFee")
def base_fee(api: Api, session: ReadSession) -> str:
    """The base fee of the next block."""
    return hex(next_base_fee(session.head(), api.parameters))


@work("eth_feeHistory")
def fee_history(api: Api, session: ReadSession, count: Any, newest: Any, percentiles: Any = None) -> Json:
    """Base fees, gas used, and tips at percentiles of the gas used, of a range of blocks."""
    wanted = params.quantity(count, "argument 0")
    ranks = _percentiles(percentiles)
    last = api.need(session, params.block(newest) if newest is not None else LATEST)
    blocks = min(wanted, last + 1, api.limits.fee_history_blocks)
    first = last + 1 - blocks
    headers = [session.header(number) for number in range(first, last + 1)]
    fees = [header.base_fee for header in headers]
    fees.append(next_base_fee(session.header(last), api.parameters))
    result: Json = {
        "oldestBlock": hex(first),
        "baseFeePerGas": [hex(fee) for fee in fees],
        "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
        "baseFeePerBlobGas": ["0x0"] * len(fees),
        "blobGasUsedRatio": [0] * blocks,
    }
    if ranks:
        result["reward"] = [_rewards(session, header.number, header.base_fee, ranks) for header in headers]
    return result


def _percentiles(value: Any) -> list[float]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > 100:
        raise invalid_params("invalid argument 2: a list of at most 100 percentiles is expected")
    for item in value:
        if isinstance(item, bool) or not isinstance(item, int | float) or not 0 <= item <= 100:
            raise invalid_params(f"invalid reward percentile: {item}")
    if value != sorted(value):
        raise invalid_params("invalid reward percentile: they must rise")
    return value


def _rewards(session: ReadSession, number: int, base: int, ranks: list[float]) -> list[str]:
    paid = _tips(session.receipts(number), base)
    if not paid:
        return ["0x0"] * len(ranks)
    total = sum(gas for _, gas in paid)
    rewards = []
    at, below = 0, paid[0][1]
    for rank in ranks:
        while below < total * rank / 100 and at < len(paid) - 1:
            at += 1
            below += paid[at][1]
        rewards.append(hex(paid[at][0]))
    return rewards
