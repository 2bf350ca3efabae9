"""Level-1 commitments outlast a crash, half ones do not, and what is not in use makes room."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.machine.trace import STEP_DEPTH
from tandem.node.step_files import READ_UP_TO, UNFINISHED, GameFiles, StepFiles
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash
from tandem.rollup.trace_tree import WORD, TraceTree

PARENT, START, BEFORE = keccak(b"parent"), keccak(b"start"), keccak(b"before")
LONG = READ_UP_TO // WORD + 77


def states(count: int, salt: bytes = b"") -> list[Hash]:
    return [keccak(salt + b"state %d" % index) for index in range(count)]


def opened(folder: Path) -> GameFiles:
    """As after a start."""
    return StepFiles(folder).game(PARENT, START)


@pytest.mark.parametrize("count", [1, 2, 1023, 1024, 1025, 2049, LONG])
def test_what_was_put_is_found_after_a_restart(tmp_path: Path, count: int) -> None:
    made = states(count)
    tree = opened(tmp_path).put(BEFORE, iter(made))
    found = opened(tmp_path).find(BEFORE, made[-1])
    expected = TraceTree(b"".join(made), STEP_DEPTH)
    assert found is not None
    for each in (tree, found):
        assert (len(each), each.root) == (count, expected.root)
        assert each.proof(count // 2) == expected.proof(count // 2)


def test_other_ends_are_not_found(tmp_path: Path) -> None:
    made = states(5)
    files = opened(tmp_path)
    files.put(BEFORE, made)
    assert files.find(BEFORE, made[3]) is None
    assert files.find(made[-1], BEFORE) is None
    assert StepFiles(tmp_path).game(PARENT, keccak(b"another start")).find(BEFORE, made[-1]) is None
    assert StepFiles(tmp_path).game(keccak(b"another parent"), START).find(BEFORE, made[-1]) is None


def test_what_was_not_finished_is_gone(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Hash]:
        yield from states(3000)
        raise KeyboardInterrupt

    files = opened(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        files.put(BEFORE, interrupted())
    assert [path.suffix for path in files.folder.iterdir()] == [UNFINISHED]
    again = opened(tmp_path)
    assert list(again.folder.iterdir()) == []
    assert again.find(BEFORE, states(3000)[-1]) is None


@pytest.mark.parametrize("cut", [1, WORD, 2 * WORD, 1024 * WORD, 2051 * WORD])
def test_a_file_that_was_cut_is_not_trusted(tmp_path: Path, cut: int) -> None:
    made = states(2049)
    files = opened(tmp_path)
    files.put(BEFORE, made)
    (path,) = files.folder.iterdir()
    os.truncate(path, path.stat().st_size - cut)
    assert files.find(BEFORE, made[-1]) is None
    files.put(BEFORE, made)
    assert files.find(BEFORE, made[-1]) is not None


def test_a_tree_outlives_its_file(tmp_path: Path) -> None:
    made = states(LONG)
    files = opened(tmp_path)
    tree = files.put(BEFORE, made)
    files.discard()
    assert not files.folder.exists()
    assert tree.node(0, LONG - 2) == made[-2]


def test_no_long_trace_is_in_memory(tmp_path: Path) -> None:
    """Measured by what the process has, since a mapping is none of Python's allocations."""

    def resident() -> int:
        """Anonymous memory, bytes."""
        status = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

    count, state = 1 << 20, keccak(b"state")
    before = resident()
    tree = opened(tmp_path).put(BEFORE, (state for _ in range(count)))
    assert len(tree) == count
    assert resident() - before < WORD * count // 4


def test_games_that_are_not_in_use_make_room(tmp_path: Path) -> None:
    size = WORD * 1025
    owner = StepFiles(tmp_path, limit=2 * size)
    games = [owner.game(PARENT, start) for start in states(4)]
    for age, game in enumerate(games[:3]):
        game.put(BEFORE, states(1024))
        os.utime(game.folder, (age, age))
    assert all(game.folder.exists() for game in games), "more than the limit, but in use"
    games[1].close()
    assert [game.folder.exists() for game in games] == [True, False, True, True]
    games[2].close()
    assert games[2].folder.exists(), "within the limit"
    games[3].put(BEFORE, states(1024))
    assert [game.folder.exists() for game in games] == [True, False, False, True]
    assert games[0].find(BEFORE, states(1024)[-1]) is not None


def test_a_restart_uses_no_game_before_it_is_asked_for(tmp_path: Path) -> None:
    opened(tmp_path).put(BEFORE, states(10))
    owner = StepFiles(tmp_path, limit=0)
    kept = owner.game(PARENT, keccak(b"another start"))
    kept.put(BEFORE, states(10))
    assert [path.name for path in tmp_path.iterdir()] == [kept.folder.name]
