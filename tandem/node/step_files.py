"""Level-1 commitments in files: each is made once, and read where it is wanted, also after a restart.

    files = StepFiles(data / "steps")             # of one party: a liar's has the same ends and other leaves
    game = files.game(parent_id, start)           # what is in use is never deleted for want of room
    tree = game.find(before, leaf) or game.put(before, states)

A file has all leaves, 32 bytes each, and behind them the nodes of height 10: 513 MB for the longest trace, 2^24 steps.
It bears its name only when it is complete. It is mapped into memory: what is not looked at takes none.
"""

import mmap
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from tandem.machine.trace import STEP_DEPTH
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash
from tandem.rollup.trace_tree import PIECE, WORD, Row, TraceTree

LIMIT = 64 << 30
"""Bytes on disk up to which games that are not in use keep their files."""
READ_UP_TO = 1 << 20
"""Bytes of leaves up to which a file is not mapped: 32,768 steps."""
UNFINISHED = ".part"


class GameFiles:
    """The commitments of one party in one game, in a folder of their own."""

    def __init__(self, owner: "StepFiles", folder: Path) -> None:
        """What a crash has left unfinished is deleted."""
        self.folder = folder
        self._owner = owner
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"*{UNFINISHED}"):
            left.unlink()

    def find(self, before: Hash, leaf: Hash) -> TraceTree | None:
        """The commitment to the steps from one level-0 state to the next. None where it was not made."""
        path = self._path(before, leaf)
        if not path.exists():
            return None
        with path.open("rb") as file:
            tree = _read(file)
        return tree if tree is not None and tree.node(0, len(tree) - 1) == leaf else None

    def put(self, before: Hash, states: Iterable[Hash]) -> TraceTree:
        """Commit to the steps from a level-0 state on. `states`: behind each of them, written as they come."""
        unfinished = self.folder / (before.hex() + UNFINISHED)
        with unfinished.open("w+b", buffering=PIECE) as file:
            for state in states:
                file.write(state)
            file.flush()
            tree = TraceTree(_row(file, file.tell()), STEP_DEPTH)
            file.seek(0, os.SEEK_END)
            file.write(tree.lowest_kept)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._path(before, tree.node(0, len(tree) - 1)))
        self._owner.make_room()
        return tree

    def close(self) -> None:
        """Not in use any more. The files stay, while there is room."""
        self._owner.let_go(self.folder)

    def discard(self) -> None:
        """Not in use any more, and not to be used again."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, before: Hash, leaf: Hash) -> Path:
        return self.folder / keccak(before + leaf).hex()


class StepFiles:
    """The commitments of one party in all games."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        """`limit`: bytes on disk. Games in use may take more: to play without them could lose."""
        self._folder = folder
        self._limit = limit
        self._in_use: set[Path] = set()

    def game(self, origin: Hash, start: Hash) -> GameFiles:
        """Those of the game about a parent assertion's id and the level-0 state that it hands on."""
        folder = self._folder / keccak(origin + start).hex()
        self._in_use.add(folder)
        return GameFiles(self, folder)

    def let_go(self, folder: Path) -> None:
        """The game in that folder needs its files no more."""
        self._in_use.discard(folder)
        self.make_room()

    def make_room(self) -> None:
        """Delete games that are not in use, the oldest first, until the others are within the limit."""
        games = [path for path in self._folder.iterdir() if path.is_dir()]
        sizes = {path: sum(file.stat().st_size for file in path.iterdir()) for path in games}
        total = sum(sizes.values())
        for path in sorted(games, key=lambda game: game.stat().st_mtime):
            if total > self._limit and path not in self._in_use:
                shutil.rmtree(path)
                total -= sizes[path]


def _read(file: BinaryIO) -> TraceTree | None:
    """The tree in a file. None where it has not the length of any."""
    size = os.fstat(file.fileno()).st_size
    nodes = -(-size // (PIECE + WORD))
    leaves = size - WORD * nodes
    if leaves <= 0 or leaves % WORD or nodes != -(-leaves // PIECE):
        return None
    row = _row(file, leaves)
    file.seek(leaves)
    return TraceTree(row, STEP_DEPTH, file.read())


def _row(file: BinaryIO, size: int) -> Row:
    """The first bytes of a file: each mapping keeps a descriptor open, so the small ones are read."""
    if size <= READ_UP_TO:
        file.seek(0)
        return file.read(size)
    return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
