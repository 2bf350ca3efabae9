"""Compile all contracts as the project does, and export what slither reads. Run by `make slither`, in its environment.

The pinned compiler takes standard JSON only, which slither's own ways to a project do not speak of whole folders.
"""

import logging
import sys
from pathlib import Path

from crytic_compile import CryticCompile
from crytic_compile.platform.archive import export_to_archive
from crytic_compile.platform.solc_standard_json import SolcStandardJson

COMPILER = "toolchain/solc-v0.8.30"
REMAPPING = "@openzeppelin/contracts=node_modules/@openzeppelin/contracts"


def main(folder: Path) -> None:
    """Write the archive into `folder`."""
    logging.getLogger("CryticCompile").setLevel(logging.ERROR)  # the compiler's warnings are shown by `make compile`
    sources = SolcStandardJson()
    sources.add_source_files(sorted(str(path) for path in Path("contracts").rglob("*.sol")))
    sources.add_remapping(REMAPPING)
    compiled = CryticCompile(
        sources, solc=COMPILER, solc_working_dir=".", evm_version="cancun", optimize=True, optimize_runs=200
    )
    folder.mkdir(parents=True, exist_ok=True)
    [archive] = export_to_archive(compiled, export_dir=str(folder))
    Path(archive).rename(folder / "contracts_export_archive.json")


main(Path(sys.argv[1]))
