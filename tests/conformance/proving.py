"""One state test three ways: the engine, the stepper, and the contracts that judge the stepper's steps."""

from tandem.chain.spec import ChainParameters
from tandem.errors import EncodingError
from tandem.machine.chain import Ancestry, Chain, NoInbox, Overlay
from tandem.machine.machine import Machine
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import BLOB, DYNAMIC_FEE, SignedTransaction
from tests.conformance.alone import BeyondMemory, begin, begin_blob, block_state, follow
from tests.conformance.cases import Case, Ended, chain_id, check, transaction
from tests.conformance.judging import Report, prove
from tests.conformance.transactions import octets
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
        sent = transaction(case)
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
    if sent.type == BLOB and ended.receipt is not None:
        return begin_blob(chain, block, sent)
    signed = sent if sent.raw else _sign(case, sent)
    return begin(chain, block, signed) if signed else None


def _sign(case: Case, sent: SignedTransaction) -> SignedTransaction | None:
    """A transaction of which the fixture has the fields alone; None where it lacks its sender's key, too."""
    key = case.fixture["transaction"].get("secretKey")
    if key is None or sent.type > DYNAMIC_FEE:
        return None
    signed = UnsignedTransaction(
        type=sent.type,
        chain_id=sent.chain_id,
        nonce=sent.nonce,
        max_priority_fee=sent.max_priority_fee,
        max_fee=sent.max_fee,
        gas_limit=sent.gas_limit,
        to=sent.to,
        value=sent.value,
        data=sent.data,
        access_list=sent.access_list,
    ).sign(octets(key))
    return signed if signed.sender == sent.sender else None
