"""The rule of dependence (ARCHITECTURE.md): pure layers import no I/O, programs do not import each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = (
    "primitives",
    "transactions",
    "state",
    "evm",
    "chain",
    "inbox",
    "batch",
    "derivation",
    "rollup",
    "machine",
    "disputes",
    "channels",
)
IO = ("tandem.store", "tandem.l1", "tandem.node", "tandem.logs")
IO_LIBRARIES = ("web3", "lmdb", "requests", "socket", "asyncio", "threading", "time", "structlog")
PROGRAMS = ("sequencer", "challenger", "channels")


def imports(file: Path) -> set[str]:
    """Modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def files(*folders: str) -> list[Path]:
    """The Python files below these folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize(
    "file", files(*(f"tandem/{name}" for name in PURE)), ids=lambda path: str(path.relative_to(ROOT))
)
def test_pure_layers_do_no_io(file: Path) -> None:
    forbidden = (*IO, *IO_LIBRARIES, *PROGRAMS)
    bad = {
        name for name in imports(file) if name.startswith(tuple(f"{item}." for item in forbidden)) or name in forbidden
    }
    assert not bad


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_do_not_import_each_other(program: str) -> None:
    others = tuple(name for name in PROGRAMS if name != program)
    for file in files(program):
        assert not {name for name in imports(file) if name.split(".")[0] in others}, file


def test_the_library_imports_no_program() -> None:
    for file in files("tandem"):
        assert not {name for name in imports(file) if name.split(".")[0] in (*PROGRAMS, "localnet", "story")}, file


def test_the_rule_would_be_noticed_when_broken(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text("from tandem.store import ChainStore\nimport time\n")
    assert imports(file) == {"tandem.store", "time"}
