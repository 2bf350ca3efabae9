"""The assertions that a store's own chain makes right."""

from tandem.chain.spec import MESSAGE_PASSER
from tandem.primitives.types import ZERO_HASH, Hash
from tandem.rollup.assertions import Claim, Opening, State, trace_root
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


def right_child(session: ReadSession, parent_id: Hash, parent_batches: int, batches: int) -> Opening:
    """The one right assertion on a parent after `parent_batches` that consumes up to `batches`."""
    first = last_block(session, parent_batches) + 1
    last = last_block(session, batches)
    leaves = [session.block_hash(number) for number in range(first, last + 1)]
    trace = trace_root(leaves or [session.block_hash(last)])
    return Opening(parent_id, state_after(session, batches), trace, session.batch(batches - 1).queued.accumulator)


def make_claim(session: ReadSession, opening: Opening) -> Claim:
    """An assertion of a state of this store, with its header and the message passer's proof."""
    number = session.number_of(opening.state.block_hash)
    assert number is not None, "a claim is made of a state that the store holds"
    header = session.header(number)
    account = HistoricalState(session.state_tables, header.state_root).account(MESSAGE_PASSER)
    assert account is not None, "the message passer is in the genesis state"
    shown = proof.prove(session.state_tables.preimages, header.state_root, address_key(MESSAGE_PASSER))
    return Claim(opening, header, account, shown)


def last_block(session: ReadSession, batches: int) -> int:
    """Number of the last block of the first `batches` batches."""
    return session.batch(batches - 1).last_block if batches else 0
