"""The lie that a cheat comes to, told for somebody's benefit, and the assertion that a trace comes to, right or not."""

from tandem.chain.header import Header
from tandem.chain.spec import MESSAGE_PASSER
from tandem.disputes.lies import FORGED_BALANCE, Cheat, Lie
from tandem.disputes.traces import end_proof
from tandem.machine.trace import Boundaries
from tandem.primitives.types import Address, Gas, Hash
from tandem.rollup.assertions import Claim, Opening, State
from tandem.rollup.withdrawals import Withdrawal
from tandem.state import proof
from tandem.state.database import HistoricalState, address_key
from tandem.state.tables import StateTables, Table

FORGED_NONCE = 2**128
"""Of the forged withdrawal. The message passer counts from 0 and does not get there."""
WITHDRAWAL_GAS = Gas(100_000)


def forged_withdrawal(beneficiary: Address) -> Withdrawal:
    """The withdrawal that FAKE_WITHDRAWAL is about: FORGED_BALANCE from and to the beneficiary."""
    return Withdrawal(FORGED_NONCE, beneficiary, beneficiary, FORGED_BALANCE, WITHDRAWAL_GAS, b"")


def lie_for(cheat: Cheat, beneficiary: Address) -> Lie:
    """The first lie of its kind. Who it is told for matters to BALANCE and FAKE_WITHDRAWAL alone."""
    return Lie(cheat, beneficiary=beneficiary, withdrawal=forged_withdrawal(beneficiary).hash())


def claim_of(trace: Boundaries, nodes: Table, parent_id: Hash, inbox_acc: Hash) -> Claim:
    """The assertion of a trace's end, with all that L1 asks to be shown of it.

    `nodes`: preimages of the state in which it ends. `inbox_acc`: of the last batch that it consumes.
    """
    header = trace.end.block
    assert isinstance(header, Header), "a machine halts between blocks"
    account = HistoricalState(StateTables(preimages=nodes), header.state_root).account(MESSAGE_PASSER)
    assert account is not None, "the message passer is in the genesis state"
    batches, messages = trace.end.cursor.batches, header.messages_consumed
    state = State(header.hash, header.state_root, account.storage_root, batches, messages)
    shown = proof.prove(nodes, header.state_root, address_key(MESSAGE_PASSER))
    opening = Opening(parent_id, state, trace.tree.root, inbox_acc)
    return Claim(opening, header, account, shown, end_proof(trace.tree))
