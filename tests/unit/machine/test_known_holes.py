"""Each hole of earlier provers that docs/reference/known-holes.md names has its tests."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parents[2] / "docs" / "reference" / "known-holes.md"


def test_every_named_regression_is_there() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", TABLE.read_text())
    assert len(named) > 15
    for file, function in named:
        tree = ast.parse((HERE / file).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in functions, f"{file} has no {function}"


def test_every_hole_names_a_test() -> None:
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 13
    assert all("::test_" in row for row in rows)
