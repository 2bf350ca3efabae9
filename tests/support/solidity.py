"""The pinned compiler by itself: a few sources to their bytecode, without the project around them.

What was compiled is kept in .cache/solidity until any source changes: many test processes ask for the same.
"""

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMPILER = ROOT / "toolchain" / "solc-v0.8.30"
SETTINGS: dict[str, Any] = {
    "evmVersion": "cancun",
    "optimizer": {"enabled": True, "runs": 200},
    "viaIR": False,
    "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}},
}
"""As in ape-config.yaml."""
COMPILER_LIMIT = 300
"""Seconds."""
CACHE = ROOT / ".cache" / "solidity"


class CompilationError(Exception):
    """The compiler refused. The message is its own."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A contract, ready to deploy."""

    name: str
    abi: list[dict[str, Any]]
    creation: bytes
    runtime: bytes


Overlay = tuple[tuple[str, str], ...]
"""Sources to compile instead of what stands in these files: paths relative to `contracts/`, and contents."""


@cache
def compile_contracts(*sources: str, overlay: Overlay = (), optimize: bool = True) -> dict[str, Compiled]:
    """All contracts of these files (paths relative to `contracts/`) and of what they import, by name.

    CompilationError where a file does not compile. Without the optimizer it takes half the time.
    """
    settings = SETTINGS if optimize else SETTINGS | {"optimizer": {"enabled": False}}
    kept = CACHE / f"{_digest(sources, overlay, settings)}.json"
    try:
        contracts = json.loads(kept.read_text())
    except (OSError, ValueError):  # never compiled, or cut short
        contracts = _compile(sources, overlay, settings)
        CACHE.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(contracts))
        draft.replace(kept)
    return {
        name: Compiled(
            name,
            entry["abi"],
            bytes.fromhex(entry["evm"]["bytecode"]["object"]),
            bytes.fromhex(entry["evm"]["deployedBytecode"]["object"]),
        )
        for name, entry in contracts.items()
    }


@cache
def _sources_digest() -> str:
    """Of all that a compilation may read."""
    digest = hashlib.sha256(json.dumps(SETTINGS).encode() + COMPILER.read_bytes())
    for path in sorted((ROOT / "contracts").rglob("*.sol")):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def _digest(sources: tuple[str, ...], overlay: Overlay, settings: dict[str, Any]) -> str:
    parts = (_sources_digest(), *sources, *(part for pair in overlay for part in pair), json.dumps(settings))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _compile(sources: tuple[str, ...], overlay: Overlay, settings: dict[str, Any]) -> dict[str, Any]:
    """The compiler's answer, by contract."""
    contents = {source: (ROOT / "contracts" / source).read_text() for source in sources} | dict(overlay)
    request = {
        "language": "Solidity",
        "sources": {f"contracts/{source}": {"content": content} for source, content in contents.items()},
        "settings": settings | {"remappings": ["@openzeppelin/contracts=node_modules/@openzeppelin/contracts"]},
    }
    done = subprocess.run(
        [str(COMPILER), "--standard-json", "--base-path", str(ROOT)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=COMPILER_LIMIT,
        check=True,
        cwd=ROOT,
    )
    answer = json.loads(done.stdout[done.stdout.index("{") :])
    errors = [item["formattedMessage"] for item in answer.get("errors", []) if item["severity"] == "error"]
    if errors:
        raise CompilationError("\n".join(errors))
    return {name: entry for file in answer["contracts"].values() for name, entry in file.items()}
