"""py-evm's Cancun, mended where it is wrong: an EVM that is not ours, to compare with."""

from typing import Any

from eth.exceptions import OutOfGas
from eth.vm.forks.cancun.computation import CancunComputation
from eth.vm.forks.cancun.state import CancunState

from tandem.evm.calls import MAX_INIT_CODE


class SizeFirst:
    """py-evm's CREATE with EIP-3860's order: init code that is too large halts, before the balance is looked at."""

    def __init__(self, opcode: Any) -> None:
        self._opcode = opcode
        self.mnemonic, self.gas_cost = opcode.mnemonic, opcode.gas_cost

    def __call__(self, computation: Any) -> Any:
        value, start, size = computation.stack_pop_ints(3)
        if size > MAX_INIT_CODE:
            raise OutOfGas("init code is too large")
        for operand in (size, start, value):
            computation.stack_push_int(operand)
        return self._opcode(computation=computation)


class OracleComputation(CancunComputation):
    """py-evm's Cancun, mended where it is wrong."""

    opcodes = {  # noqa: RUF012 - as py-evm declares it
        **CancunComputation.opcodes,
        **{number: SizeFirst(CancunComputation.opcodes[number]) for number in (0xF0, 0xF5)},
    }


class OracleState(CancunState):
    computation_class = OracleComputation
