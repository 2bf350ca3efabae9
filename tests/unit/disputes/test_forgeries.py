"""A false assertion shows all that L1 asks for when one is made (Rollup.createAssertion)."""

import pytest

from tandem.chain.spec import MESSAGE_PASSER
from tandem.disputes.edges import join
from tandem.disputes.forgeries import claim_of, forged_withdrawal, lie_for
from tandem.disputes.lies import FORGED_BALANCE, Cheat
from tandem.disputes.lying_trace import LyingTrace
from tandem.machine.modes import Mode
from tandem.machine.structures import Cursor, State
from tandem.machine.trace import Boundary
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Hash
from tandem.rollup.assertions import Claim
from tandem.rollup.withdrawals import prove_withdrawal
from tandem.state.database import address_key
from tandem.state.proof import root_of
from tandem.state.tables import StateTables
from tests.unit.disputes.eventful import Eventful

LIAR = Address(b"\x1a" * 20)
PARENT, INBOX = keccak(b"parent"), keccak(b"inbox")


@pytest.fixture(scope="module")
def world() -> Eventful:
    return Eventful()


def tell(world: Eventful, cheat: Cheat) -> tuple[LyingTrace, Claim]:
    chain, start = world.begin()
    trace = LyingTrace(chain, start, lie_for(cheat, LIAR))
    return trace, claim_of(trace, chain.nodes, PARENT, INBOX)


def last_boundary(claim: Claim) -> Hash:
    """The state that L1 has the trace end in (Boundaries.last)."""
    state = claim.opening.state
    end = Boundary(Mode.HALTED, claim.header, Cursor(state.batches, state.batches, state.messages))
    return State(end.mode, end.block, end.cursor).hash()


@pytest.mark.parametrize("cheat", Cheat)
def test_what_l1_checks(world: Eventful, cheat: Cheat) -> None:
    trace, claim = tell(world, cheat)
    state = claim.opening.state
    assert claim.header.hash == state.block_hash
    assert claim.header.state_root == state.state_root
    assert claim.header.messages_consumed == state.messages
    assert state.batches == world.batches
    key = address_key(MESSAGE_PASSER)
    assert root_of(key, claim.proof) == state.state_root
    assert claim.proof.value(key) == keccak(claim.message_passer.encode())
    assert claim.message_passer.storage_root == state.withdrawal_root
    node = last_boundary(claim)
    for sibling in claim.end_proof:
        node = join(sibling, node)
    assert node == claim.opening.trace_root == trace.tree.root
    assert (claim.opening.parent_id, claim.opening.inbox_acc) == (PARENT, INBOX)


def test_the_forged_withdrawal_could_be_finalised_by_it(world: Eventful) -> None:
    trace, claim = tell(world, Cheat.FAKE_WITHDRAWAL)
    withdrawal = forged_withdrawal(LIAR)
    assert (withdrawal.target, withdrawal.value) == (LIAR, FORGED_BALANCE)
    tables = StateTables(preimages=trace.chain.nodes)
    shown = prove_withdrawal(tables, claim.opening.state.withdrawal_root, withdrawal.hash())
    assert shown.depth
