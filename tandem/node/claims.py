"""The assertions that a store's own chain makes right."""

from tandem.chain.spec import MESSAGE_PASSER
from tandem.node.commitments import Commitments
from tandem.node.machine_chain import last_block
from tandem.primitives.types import ZERO_HASH, Hash
from tandem.rollup.assertions import Claim, Opening, State
from tandem.state import proof
from tandem.state.database import HistoricalState, address_key
from tandem.store import ReadSession


def state_after(session: ReadSession, batches: int) -> State:
    """The chain's state after the first `batches` batches."""
    header = session.header(last_block(session, batches))
    account = HistoricalState(session.state_tables, header.state_root).account(MESSAGE_PASSER)
    withdrawal_root = account.storage_root if account else ZERO_HASH
    return State(header.hash, header.state_root, withdrawal_root, batches, header.messages_consumed)


def genesis_opening(session: ReadSession) -> Opening:
    """The assertion that the rollup contract is deployed with."""
    return Opening(ZERO_HASH, state_after(session, 0), ZERO_HASH, ZERO_HASH)


def inbox_acc(session: ReadSession, batches: int) -> Hash:
    """L1's accumulator after the first `batches` batches, at least one."""
    return session.batch(batches - 1).queued.accumulator


def right_child(
    session: ReadSession, commitments: Commitments, parent_id: Hash, parent_batches: int, batches: int
) -> Opening:
    """The one right assertion on a parent after `parent_batches` that consumes up to `batches`."""
    trace_root = commitments.get(session, parent_batches, batches).root
    return Opening(parent_id, state_after(session, batches), trace_root, inbox_acc(session, batches))


def make_claim(session: ReadSession, commitments: Commitments, opening: Opening, parent_batches: int) -> Claim:
    """A right assertion on a parent after `parent_batches`, with all that L1 asks to be shown of it."""
    header = session.header(last_block(session, opening.state.batches))
    account = HistoricalState(session.state_tables, header.state_root).account(MESSAGE_PASSER)
    assert account is not None, "the message passer is in the genesis state"
    shown = proof.prove(session.state_tables.preimages, header.state_root, address_key(MESSAGE_PASSER))
    end_proof = commitments.get(session, parent_batches, opening.state.batches).end_proof
    return Claim(opening, header, account, shown, end_proof)
