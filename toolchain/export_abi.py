"""Export from ape's compiled sources what the Python side needs (`make abi`): ABIs into tandem/l1/abi, and contracts
that stories and examples deploy on L2 to where they are used.

They are committed, so that daemons run without a compiler and a change of interface shows as a diff;
tests/parity/test_constants.py compares them with the sources.
"""

import json
from pathlib import Path
from typing import Any

from tandem.l1.contracts import PROVERS

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tandem" / "l1" / "abi"
ARTIFACTS = (
    ROOT / "story" / "artifacts" / "Beads.json",
    ROOT / "examples" / "paid_api" / "PaymentToken.json",
)
NAMES = (
    "Inbox",
    "Rollup",
    "Bridge",
    "TokenBridge",
    "Machine",
    "DisputeGame",
    "ChannelManager",
    "AppRegistry",
    "BatchSettlement",
    "MessagePasser",
    "TokenFactory",
    "L1Info",
    "FeeVault",
    "BridgedERC20",
    "BridgedERC721",
)


def compiled_abi(name: str) -> str:
    """The ABI of a contract as committed: JSON, two spaces. Machine passes on its provers' errors: its ABI has them."""
    types = _compiled()
    entries: list[dict[str, Any]] = types[name]["abi"]
    if name == "Machine":
        known = [entry for prover in PROVERS for entry in types[prover]["abi"] if entry["type"] == "error"]
        entries += [entry for at, entry in enumerate(known) if entry not in entries + known[:at]]
    return json.dumps(entries, indent=2) + "\n"


def compiled_artifact(name: str) -> str:
    """ABI and creation code, as committed."""
    compiled = _compiled()[name]
    return json.dumps({"abi": compiled["abi"], "bytecode": compiled["deploymentBytecode"]["bytecode"]}, indent=2) + "\n"


def _compiled() -> Any:
    return json.loads((ROOT / ".build" / "__local__.json").read_text())["contractTypes"]


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in NAMES:
        (FOLDER / f"{name}.json").write_text(compiled_abi(name))
    for artifact in ARTIFACTS:
        artifact.parent.mkdir(parents=True, exist_ok=True)
        artifact.write_text(compiled_artifact(artifact.stem))


if __name__ == "__main__":
    main()
