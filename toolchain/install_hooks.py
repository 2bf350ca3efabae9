"""Make the virtual environment know the toolchain, with or without make.

Run by the environment's own interpreter. Writes `toolchain.pth` into site-packages, which points ape-solidity to
the compiler in this folder (unset SOLCX_BINARY_PATH in it to use a native solc from ~/.solcx), and links `anvil`
into the environment's bin folder, where ape-foundry and the devnet command find it.
"""

import sys
import sysconfig
from pathlib import Path


def main() -> None:
    toolchain = Path(__file__).resolve().parent
    hook = f'import os; os.environ.setdefault("SOLCX_BINARY_PATH", {str(toolchain)!r})\n'
    (Path(sysconfig.get_paths()["purelib"]) / "toolchain.pth").write_text(hook)
    link = Path(sys.executable).parent / "anvil"
    link.unlink(missing_ok=True)
    link.symlink_to(toolchain / "anvil")


if __name__ == "__main__":
    main()
