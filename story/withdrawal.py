"""Finalising a withdrawal on L1, as anyone can: from L1's events and the node's proof."""

from dataclasses import dataclass
from typing import Any

from story.stage import DemoFailed, Sent, Stage
from tandem.l1.encoding import opening_arguments, proof_arguments, withdrawal_arguments
from tandem.l1.game_encoding import opening_of
from tandem.primitives.types import Address, Gas, Hash, Wei
from tandem.rollup.assertions import Opening
from tandem.rollup.withdrawals import Withdrawal
from tandem.state.proof import Proof


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion on L1 and the L2 block that it ends in."""

    opening: Opening
    number: int


def assertion_after(stage: Stage, number: int) -> Assertion | None:
    """The first assertion on L1 that covers L2 block `number`."""
    events = stage.contracts.rollup.events.AssertionCreated()
    for log in events.get_logs(from_block=stage.deployment.l1.start_block):
        args = log["args"]
        block = stage.request("eth_getBlockByHash", "0x" + args["state"]["blockHash"].hex(), False)
        if block is not None and int(block["number"], 16) >= number:
            return Assertion(opening_of(args), int(block["number"], 16))
    return None


def finalize(stage: Stage, assertion: Assertion, passed: Any) -> Sent:
    """Finalise the withdrawal of a MessagePassed event. Anyone may; dave does."""
    withdrawal = Withdrawal(
        passed["nonce"],
        Address(bytes.fromhex(passed["sender"][2:])),
        Address(bytes.fromhex(passed["target"][2:])),
        Wei(passed["value"]),
        Gas(passed["gasLimit"]),
        passed["data"],
    )
    if withdrawal.hash() != passed["withdrawalHash"]:
        raise DemoFailed("the withdrawal's hash differs between L2 and here")
    answer = stage.request("tandem_getWithdrawalProof", "0x" + withdrawal.hash().hex(), hex(assertion.number))
    shown = answer["storageProof"]
    proof = Proof(
        int(shown["bitmap"], 16),
        tuple(Hash(bytes.fromhex(item[2:])) for item in shown["siblings"]),
        Hash(bytes.fromhex(shown["leafKey"][2:])),
        Hash(bytes.fromhex(shown["leafValue"][2:])),
    )
    call = stage.contracts.bridge.functions.finalizeWithdrawal(
        withdrawal_arguments(withdrawal), opening_arguments(assertion.opening), proof_arguments(proof)
    )
    return stage.l1.call(stage.dave, call)
