"""One state test three ways: the engine, the stepper, and the contracts that judge the stepper's steps."""

from tandem.chain.spec import ChainParameters
from tandem.errors import EncodingError
from tandem.machine.chain import Ancestry, Chain, NoInbox, Overlay
from tandem.machine.machine import Machine
from tandem.transactions.transaction import BLOB
from tests.conformance.alone import BeyondMemory, begin, begin_blob, block_state, follow
from tests.conformance.cases import Case, Ended, chain_id, check, transaction
from tests.conformance.judging import Report, prove
from tests.support.verifier import Verifier

NO_FORM = "no packed form"
MEMORY = "more memory than the machine has"
"""Why the engine alone can run a case."""


def prove_case(case: Case, sample: int, verifier: Verifier) -> Report:
    """Run the case, judge `sample` of its steps (all where it has no more). Mismatch, Disagreement."""
    ended = check(case)
    if _machine(case, ended) is None:
        return Report(engine_alone=NO_FORM)

    def make() -> Machine:
        m = _machine(case, ended)
        assert m is not None
        return m

    try:
        return prove(make, lambda m: follow(m, ended.root, ended.receipt), sample, verifier, case.name)
    except BeyondMemory:
        return Report(engine_alone=MEMORY)


def _machine(case: Case, ended: Ended) -> Machine | None:
    """The machine before the case's transaction; None where the transaction cannot stand on L2 in any form."""
    try:
        signed = transaction(case)
    except EncodingError:
        return None
    prepared = ended.prepared
    chain = Chain(
        Overlay(prepared.tables.preimages),
        ChainParameters(chain_id(case)),
        NoInbox(),
        Ancestry(prepared.context.block_hash),
    )
    block = block_state(prepared.context, chain_id(case), prepared.root)
    if signed.type == BLOB and ended.receipt is not None:
        return begin_blob(chain, block, signed)
    return begin(chain, block, signed)
