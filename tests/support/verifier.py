"""The machine's contracts, all deployed in process: judges of steps by the thousand."""

from dataclasses import astuple
from functools import cache
from typing import Any

from tandem.chain.spec import ChainParameters
from tandem.l1.contracts import PROVERS
from tandem.machine.modes import Prover
from tandem.machine.stepping import Proven
from tests.support.chain import CHAIN_ID
from tests.support.l1_inbox import L1Inbox
from tests.support.revm import Revm, call_data
from tests.support.solidity import Compiled, compile_contracts

VERIFY = "verify(bytes32,bytes)"
CONTRACTS = dict(zip(Prover, PROVERS, strict=True))
"""Name of each prover's contract, and of its file in contracts/machine."""
DISPATCHER = "Machine"
PARAMETER_TYPES = "(uint256,uint256,uint256,uint256,uint256,uint256,uint256,bool)"


@cache
def compiled() -> dict[str, Compiled]:
    """The provers, the dispatcher and the inbox, from one run of the compiler (ten seconds)."""
    names = [*CONTRACTS.values(), DISPATCHER]
    return compile_contracts(*[f"machine/{name}.sol" for name in names], "inbox/Inbox.sol")


def constructor_arguments(
    prover: Prover, inbox: L1Inbox, parameters: ChainParameters
) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Types and values that a prover is deployed with."""
    if prover == Prover.BLOCKS:
        return (PARAMETER_TYPES,), (astuple(parameters),)
    if prover in (Prover.MESSAGES, Prover.BATCHES):
        return ("address",), (inbox.address,)
    return (), ()


class Verifier:
    """All provers behind their dispatcher, and the inbox that two of them read, on one EVM."""

    def __init__(self, parameters: ChainParameters | None = None) -> None:
        self.parameters = parameters or ChainParameters(CHAIN_ID)
        self.revm = Revm()
        self.inbox = L1Inbox(self.revm, compiled()["Inbox"])
        provers = [
            self.revm.deploy(compiled()[name], *constructor_arguments(prover, self.inbox, self.parameters))
            for prover, name in CONTRACTS.items()
        ]
        self.judged = 0
        """Steps so far. pyrevm keeps 1.3 KB of each: who judges a hundred thousand takes a new verifier at times."""
        types = (f"address[{len(provers)}]",)
        self._dispatcher = self.revm.deploy(compiled()[DISPATCHER], types, (provers,))

    def verify(self, proven: Proven) -> bytes:
        """The state after the step, as the contracts see it. Reverted where they refuse the witness."""
        self.judged += 1
        return self.revm.call(self._dispatcher, call_data(VERIFY, proven.before, proven.witness))
