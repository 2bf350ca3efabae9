"""What no transaction of L2 can come to, though the machine has to be right about it.

The call depth's limit: a callee gets at most 63/64 of its caller's gas, and a call costs at least 100. Of 2^24 gas not
even 100 are left at depth 764; a call's stipend is less than what the call's value costs. So 1,024 is out of reach.
Blobs: L2 takes no blob transactions.
"""

from collections.abc import Iterator
from dataclasses import replace

from tandem.evm.context import BlockContext
from tandem.evm.executor import BlockExecutor
from tandem.evm.rules import CANCUN, ethereum
from tandem.machine.calls import DEPTH_LIMIT
from tandem.machine.chain import Ancestry, Chain, NoInbox, Overlay
from tandem.machine.machine import Machine
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Address, Gas, Hash, Seconds, Wei
from tandem.state.database import HistoricalState
from tandem.state.tables import StateTables
from tandem.transactions.transaction import BLOB, SignedTransaction
from tests.conformance.alone import begin, begin_blob, block_state, follow
from tests.conformance.judging import Row
from tests.conformance.scenarios.stage import FEE, Stage
from tests.support.assembler import assemble, call
from tests.support.chain import KEYS, START

DEPTH_GAS = 2**42
"""Of it the last of 1,024 frames, each of which is given 63/64, still has enough for two creations."""


class Alone:
    """A transaction by itself, on the genesis state of a stage."""

    def __init__(self, stage: Stage, signed: SignedTransaction) -> None:
        self.verifier = stage.verifier
        self._signed = signed
        tables = StateTables()
        root = stage.genesis(tables).state_root
        context = BlockContext(
            number=1,
            timestamp=Seconds(START),
            coinbase=Address(b"\xfe" * 20),
            prev_randao=keccak(b"randao"),
            base_fee=Wei(1_000),
            gas_limit=Gas(2**63),
            blob_base_fee=Wei(7),
        )
        self._block = block_state(context, stage.parameters.chain_id, root)
        self._nodes = tables.preimages
        executor = BlockExecutor(HistoricalState(tables, root), context, ethereum(CANCUN, self._block.chain_id))
        self._receipt = executor.apply(signed)
        assert self._receipt.status, "the transaction fails"
        self._root = HistoricalState(StateTables(preimages=Overlay(self._nodes)), root).commit(executor.finish())

    def machine(self) -> Machine:
        """The machine before the transaction."""
        chain = Chain(Overlay(self._nodes), self.verifier.parameters, NoInbox(), Ancestry())
        m = (begin_blob if self._signed.type == BLOB else begin)(chain, self._block, self._signed)
        assert m is not None
        return m

    def follow(self, m: Machine) -> Iterator[Row]:
        """To the transaction's end, which must be the engine's."""
        return follow(m, self._root, self._receipt)


def depth(stage: Stage) -> Alone:
    """Down to the last frame that may be, which tries every call and creation."""
    tries = b"".join(call(4, kind) for kind in ("CALLCODE", "DELEGATECALL", "STATICCALL"))
    tries += assemble(0, 0, 0, "CREATE POP", 0, 0, 0, 0, "CREATE2 POP", 1)
    again = assemble(*[0] * 5, "ADDRESS GAS CALL")
    # A frame that could call ends; the last could not, and goes on.
    target = len(again) + 2 + 1 + len(tries)
    code = again + assemble(target, "JUMPI") + tries + assemble("JUMPDEST")
    assert target < 256
    contract = stage.contract(code)
    unsigned = replace(stage.unsigned(contract), gas_limit=Gas(DEPTH_GAS), max_fee=Wei(1_000))
    play = Alone(stage, unsigned.sign(KEYS[0]))
    enters = sum(kind == "CALL_ENTER" for kind, _ in play.follow(play.machine()))
    assert enters == DEPTH_LIMIT + 1, f"{enters} frames"
    return play


def blobs(stage: Stage) -> Alone:
    """A transaction with two blobs, that asks for three."""
    contract = stage.contract(assemble(0, "BLOBHASH", 1, "BLOBHASH", 2, "BLOBHASH", 2**255, "BLOBHASH BLOBBASEFEE"))
    signed = stage.unsigned(contract, gas=100_000).sign(KEYS[0])
    hashes = tuple(Hash(b"\x01" + keccak(bytes([index]))[1:]) for index in range(2))
    return Alone(stage, replace(signed, type=BLOB, blob_hashes=hashes, max_blob_fee=FEE))
