"""`make demo`: start the whole network, tell the story, leave nothing behind."""

from pathlib import Path

import click
from rich.console import Console

from localnet import LocalNet
from story import act_one
from story.run import run
from story.stage import Stage
from tandem.l1.contracts import checksum
from tandem.l1.signer import development_account

REFUSED = development_account(5)
"""Carol: the sequencer of the story is told to refuse her."""


@click.command()
@click.option("--keep", type=click.Path(path_type=Path), help="Keep databases and logs in this folder.")
def cli(keep: Path | None) -> None:
    """Two layers that work: the story in the terminal, on real processes."""
    run("demo", keep, _play)


def _play(net: LocalNet, console: Console) -> None:
    console.print("[bold]Tandem: an L1, an EVM L2 above it, and value that moves between them[/]\n")
    with console.status("starting L1 (anvil)"):
        net.start_l1()
    console.print(f"   [green]✓[/] L1 (anvil)       {net.l1_url}")
    with console.status("deploying the contracts (ape run deploy)"):
        net.deploy()
    console.print(f"   [green]✓[/] contracts        Inbox {checksum(net.deployment.l1.inbox)}")
    with console.status("starting the sequencer"):
        net.start_sequencer("--refuse", REFUSED.address, "--batch-age", "3000")
    console.print(f"   [green]✓[/] sequencer        {net.l2_url}")
    with console.status("starting the challenger"):
        net.start_challenger()
    console.print(f"   [green]✓[/] challenger       {net.status_url}/status (it derives L2 from L1 alone)")
    stage = Stage(net, console)
    act_one.play(stage)
    console.print(f"\n[bold green]Done[/] in {stage.elapsed:.0f} s.")


if __name__ == "__main__":
    cli()
