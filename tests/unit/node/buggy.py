"""An engine with a bug, to see that it is found out."""

from dataclasses import replace

from tandem.machine.chain import Chain
from tandem.machine.machine import Machine
from tandem.machine.structures import BlockState
from tandem.machine.trace import AssertionTrace, Boundary
from tandem.primitives.types import Gas


class BuggyTrace(AssertionTrace):
    """Counts one gas too much in one transaction."""

    def __init__(self, chain: Chain, start: Boundary, wrong: int) -> None:
        """`wrong`: the leaf behind that transaction."""
        self._wrong = wrong
        super().__init__(chain, start)

    def _advance(self, m: Machine, leaf: int) -> None:
        super()._advance(m, leaf)
        if leaf == self._wrong:
            assert isinstance(m.block, BlockState)
            m.block = replace(m.block, gas_used=Gas(m.block.gas_used + 1))
