"""A chain on which everything happens that can be lied about, on a real inbox, with its own judges."""

from tandem.batch.packed import pack
from tandem.chain.spec import L1_INFO, MESSAGE_PASSER, ChainParameters, GenesisAccount
from tandem.machine.chain import Chain
from tandem.machine.trace import AssertionTrace, Boundary, boundary
from tandem.primitives.types import Address
from tests.conformance.scenarios.stage import Stage
from tests.support.assembler import assemble
from tests.support.chain import ADDRESSES, CHAIN_ID, ETHER, KEYS
from tests.support.revm import call_data
from tests.support.solidity import compile_contracts

WITHDRAW = "initiateWithdrawal(address,uint256,bytes)"
COUNT = assemble(0, "CALLDATALOAD", 0, "SLOAD ADD DUP1", 0, "SSTORE", 0, "MSTORE", 7, 32, 0, "LOG1")
"""Adds its argument to slot 0 and logs the sum."""
LIMIT = 100_000
"""Gas of a call."""


class Eventful:
    """Four batches: messages, calls, a withdrawal, a replayed transaction; nothing that decodes; a transfer; a forced
    message."""

    def __init__(self) -> None:
        self.stage = stage = Stage(ChainParameters(CHAIN_ID))
        for address, name in ((MESSAGE_PASSER, "MessagePasser"), (L1_INFO, "L1Info")):
            code = compile_contracts("l2/MessagePasser.sol", "l2/L1Info.sol")[name].runtime
            stage.accounts[address] = GenesisAccount(nonce=1, code=code)
        self.counter = stage.contract(COUNT)
        self.regretful = stage.contract(COUNT + assemble(0, 0, "REVERT"))
        self._first_batch()
        stage.inbox.submit(b"\x07 no version of ours")
        stage.send(ADDRESSES[6], key=3, gas=LIMIT)
        stage.batch()
        stage.inbox.enqueue(ADDRESSES[5], ADDRESSES[6], value=ETHER)
        stage.inbox.force()
        self.verifier = stage.verifier
        self.batches = len(stage.inbox.batches)

    def _first_batch(self) -> None:
        stage = self.stage
        stage.inbox.enqueue(ADDRESSES[4], ADDRESSES[4], mint=ETHER)
        stage.block(0)
        self._count(self.regretful, 3)
        replayed = pack(stage.unsigned(ADDRESSES[7], value=ETHER).sign(KEYS[0]))
        stage.put(replayed)
        stage.count(1)
        self._count(self.counter, 5)
        stage.put(replayed)
        stage.put(pack(stage.unsigned(ADDRESSES[7], key=2, value=10_000 * ETHER).sign(KEYS[2])))
        stage.put(b"no transaction")
        stage.block(1)
        self._count(self.counter, 6)
        stage.send(MESSAGE_PASSER, value=ETHER, data=call_data(WITHDRAW, ADDRESSES[1], 50_000, b"thanks"), gas=LIMIT)
        stage.batch()

    def _count(self, contract: Address, argument: int) -> None:
        self.stage.send(contract, data=argument.to_bytes(32, "big"), gas=LIMIT)

    def begin(self) -> tuple[Chain, Boundary]:
        """The surroundings of a machine, and where an assertion about all batches begins."""
        m = next(self.stage.machines())
        return m.chain, boundary(m)

    def honest(self) -> AssertionTrace:
        """The right trace."""
        return AssertionTrace(*self.begin())
