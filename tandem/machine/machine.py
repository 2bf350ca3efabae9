"""A machine state in its surroundings, as the step functions see it. Each `read_` opens a structure on the tape."""

from typing import TypeVar

from tandem.chain.header import Header
from tandem.machine.chain import Chain
from tandem.machine.modes import Mode
from tandem.machine.structures import Aux, BlockState, Cursor, Frame, State, Tx, World
from tandem.machine.tape import SILENT, Tape

AuxKind = TypeVar("AuxKind", bound=Aux)


class Machine(State):
    """A state that steps. `tape` takes the witness of the step that runs."""

    __slots__ = ("chain", "tape")

    def __init__(self, chain: Chain, state: State, tape: Tape = SILENT) -> None:
        super().__init__(state.mode, state.block, state.cursor, state.world, state.frame, state.tx, state.aux)
        self.chain = chain
        self.tape = tape

    def read_world(self) -> World:
        """The world."""
        assert self.world is not None
        if self.tape.recording:
            self.tape.raw(self.world.encode())
        return self.world

    def read_frame(self) -> Frame:
        """The frame that runs."""
        assert self.frame is not None
        if self.tape.recording:
            self.tape.raw(self.frame.encode())
        return self.frame

    def read_parent(self) -> Frame:
        """The frame that called the one that runs."""
        assert self.frame is not None and self.frame.parent is not None
        if self.tape.recording:
            self.tape.raw(self.frame.parent.encode())
        return self.frame.parent

    def read_tx(self) -> Tx:
        """The transaction."""
        assert self.tx is not None
        if self.tape.recording:
            self.tape.raw(self.tx.encode())
        return self.tx

    def read_block(self) -> BlockState:
        """The block in the making."""
        assert isinstance(self.block, BlockState)
        if self.tape.recording:
            self.tape.raw(self.block.encode())
        return self.block

    def read_header(self) -> Header:
        """The parent block's header, between blocks."""
        assert isinstance(self.block, Header)
        if self.tape.recording:
            self.tape.raw(self.block.encode())
        return self.block

    def read_cursor(self) -> Cursor:
        """The cursor."""
        if self.tape.recording:
            self.tape.raw(self.cursor.encode())
        return self.cursor

    def read_aux(self, kind: type[AuxKind]) -> AuxKind:
        """The mode's own structure."""
        assert isinstance(self.aux, kind)
        if self.tape.recording:
            self.tape.raw(self.aux.encode())
        return self.aux

    def become(self, mode: Mode, aux: Aux | None = None) -> None:
        """Another mode, with its aux."""
        self.mode = mode
        self.aux = aux
