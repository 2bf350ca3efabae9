"""Export the ABIs that the Python side needs from ape's compiled sources into tandem/l1/abi (`make abi`).

They are committed, so that daemons run without a compiler and a change of interface shows as a diff;
tests/parity/test_constants.py compares them with the sources.
"""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tandem" / "l1" / "abi"
NAMES = (
    "Inbox",
    "Rollup",
    "Bridge",
    "TokenBridge",
    "MessagePasser",
    "TokenFactory",
    "L1Info",
    "FeeVault",
    "BridgedERC20",
    "BridgedERC721",
)


def compiled_abi(name: str) -> str:
    """The ABI of a contract as committed: JSON, two spaces."""
    manifest = json.loads((ROOT / ".build" / "__local__.json").read_text())
    return json.dumps(manifest["contractTypes"][name]["abi"], indent=2) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in NAMES:
        (FOLDER / f"{name}.json").write_text(compiled_abi(name))


if __name__ == "__main__":
    main()
