"""A story on a network of its own: what `make demo` and `make prove` have in common."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from localnet import LocalNet, Ports
from localnet.process import ProcessFailed
from story.stage import DemoFailed


def run(name: str, keep: Path | None, play: Callable[[LocalNet, Console], None]) -> None:
    """Play on a new network, which is gone afterwards. A failure is told, with the last words of each process; exit 1.

    `keep`: a folder for databases and logs that stays; what is in it goes.
    """
    console = Console(highlight=False)
    if keep is not None:
        shutil.rmtree(keep, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=f"tandem-{name}-") as folder,
        LocalNet(keep or Path(folder), Ports.free()) as net,
    ):
        try:
            play(net, console)
        except (DemoFailed, ProcessFailed) as error:
            console.print(f"\n[bold red]The {name} failed:[/] {error}")
            for child in net.children.values():
                console.print(f"[dim]--- {child.name}\n{child.tail()}[/]")
            sys.exit(1)
