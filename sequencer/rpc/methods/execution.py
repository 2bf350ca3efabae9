"""Calls without a transaction: eth_call, eth_estimateGas, eth_createAccessList."""

from dataclasses import replace
from typing import Any

from sequencer.rpc import params
from sequencer.rpc.access import AccessTracer
from sequencer.rpc.api import Api
from sequencer.rpc.encode import Json, data
from sequencer.rpc.errors import REVERTED, SERVER_ERROR, RpcError, invalid_params
from sequencer.rpc.params import LATEST, PENDING
from sequencer.rpc.registry import work
from sequencer.rpc.reverts import failure_sentence, revert_sentence
from tandem.evm import simulate
from tandem.evm.context import BlockContext
from tandem.evm.receipt import Receipt
from tandem.primitives.types import Gas, Hash, Seconds, Wei
from tandem.state.account import EMPTY_ACCOUNT
from tandem.store import ReadSession

L1_PRICE_HEADROOM = 125
"""Percent of today's L1 data price that estimates allow for: it moves with L1's base fee, by an eighth an L1 block, and
with L2's."""


def failure(receipt: Receipt) -> RpcError:
    """How a call that failed is told: code 3 with the data for a revert, -32000 for the rest."""
    if simulate.is_revert(receipt):
        return RpcError(REVERTED, revert_sentence(receipt.output), data(receipt.output))
    return RpcError(SERVER_ERROR, failure_sentence(receipt.error))


@work("eth_call")
def call(
    api: Api, session: ReadSession, request: Any, block: Any = None, overrides: Any = None, context: Any = None
) -> str:
    """What the call returns."""
    wanted = params.call(request, api.limits.call_gas)
    spec = params.block(block)
    replaced = params.state_overrides(overrides)
    number = api.need(session, spec)
    where = block_overrides(api.context(session, spec, number), context)
    receipt = simulate.call(api.state(session, number), where, api.rules, wanted, replaced)
    if not receipt.status:
        raise failure(receipt)
    return data(receipt.output)


@work("eth_estimateGas")
def estimate_gas(
    api: Api, session: ReadSession, request: Any, block: Any = None, overrides: Any = None, context: Any = None
) -> str:
    """The gas limit to sign: what the transaction needs in the next block, L1 data cost included."""
    wanted = params.call(request, api.limits.call_gas)
    spec = params.block(block)
    replaced = params.state_overrides(overrides)
    number = api.need(session, spec)
    where = api.context(session, PENDING if spec == LATEST else spec, number)
    where = replace(where, l1_base_fee=Wei(where.l1_base_fee * L1_PRICE_HEADROOM // 100))
    where = block_overrides(where, context)
    state = simulate.OverriddenState(api.state(session, number), replaced)
    if wanted.max_fee:
        account = state.account(wanted.sender) or EMPTY_ACCOUNT
        if account.balance < wanted.value:
            raise RpcError(SERVER_ERROR, "insufficient funds for transfer")
        allowance = (account.balance - wanted.value) // wanted.max_fee
        wanted = replace(wanted, gas_limit=Gas(min(allowance, wanted.gas_limit or allowance)))
    receipt = simulate.estimate_gas(state, where, api.rules, wanted)
    if receipt.status:
        return hex(receipt.gas_used)
    if receipt.error == "out_of_gas":
        raise RpcError(SERVER_ERROR, f"gas required exceeds allowance ({wanted.gas_limit})")
    raise failure(receipt)


@work("eth_createAccessList")
def create_access_list(api: Api, session: ReadSession, request: Any, block: Any = None) -> Json:
    """EIP-2930: what the call touches. Repeated with the list found, since with it the call may go another way."""
    wanted = params.call(request, api.limits.call_gas)
    spec = params.block(block)
    number = api.need(session, spec)
    where = api.context(session, spec, number)
    state = api.state(session, number)
    while True:
        tracer = AccessTracer(wanted.sender, wanted.to)
        receipt = simulate.call(state, where, api.rules, wanted, None, tracer)
        found = tracer.access_list()
        if found == wanted.access_list:
            break
        merged = dict(wanted.access_list)
        grown = {address: tuple(sorted({*merged.get(address, ()), *slots})) for address, slots in found}
        if all(merged.get(address) == slots for address, slots in grown.items()):
            break
        wanted = replace(wanted, access_list=tuple(sorted({**merged, **grown}.items())))
    result: Json = {
        "accessList": [
            {"address": data(address), "storageKeys": [data(slot) for slot in slots]}
            for address, slots in wanted.access_list
        ],
        "gasUsed": hex(receipt.gas_used),
    }
    if not receipt.status:
        result["error"] = str(failure(receipt))
    return result


def block_overrides(context: BlockContext, value: Any) -> BlockContext:
    """eth_call's fourth argument, in geth's names and those of execution-apis."""
    if value is None:
        return context
    if not isinstance(value, dict):
        raise invalid_params("invalid block override: an object is expected")
    changes: Json = {}
    for name, content in value.items():
        match name:
            case "number":
                changes["number"] = params.quantity(content, name, 2**63 - 1)
            case "time" | "timestamp":
                changes["timestamp"] = Seconds(params.quantity(content, name, 2**63 - 1))
            case "gasLimit":
                changes["gas_limit"] = Gas(params.quantity(content, name, 2**63 - 1))
            case "coinbase" | "feeRecipient":
                changes["coinbase"] = params.address(content, name)
            case "random" | "prevRandao":
                changes["prev_randao"] = Hash(params.hash32(content, name))
            case "baseFee" | "baseFeePerGas":
                changes["base_fee"] = Wei(params.quantity(content, name))
            case _:
                raise invalid_params(f"block override {name} is not supported")
    return replace(context, **changes)
