"""The mempool's journal survives being cut off anywhere."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sequencer.engine.journal import Journal

entries = st.lists(st.tuples(st.binary(min_size=1, max_size=50), st.binary(min_size=20, max_size=20)), max_size=6)


@given(entries, entries, st.integers(0, 400))
def test_whole_entries_before_a_cut_are_read_back(
    tmp_path_factory: object, first: list[tuple[bytes, bytes]], second: list[tuple[bytes, bytes]], cut: int
) -> None:
    path = Path(tmp_path_factory.mktemp("journal")) / "pool"  # type: ignore[attr-defined]
    journal = Journal(path)
    journal.append(first)
    journal.append(second)
    journal.close()
    everything = [*first, *second]
    data = path.read_bytes()
    path.write_bytes(data[: max(0, len(data) - cut)])
    reopened = Journal(path)
    kept = list(reopened.entries())
    assert kept == everything[: len(kept)]
    if cut == 0:
        assert kept == everything
    reopened.rewrite(kept)
    reopened.append([(b"new", bytes(20))])
    assert list(reopened.entries()) == [*kept, (b"new", bytes(20))]
    reopened.close()
