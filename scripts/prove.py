"""`make prove`: a network, a few transactions, and L1 judging the machine's steps that they consist of."""

from pathlib import Path

import click
from rich.console import Console

from localnet import LocalNet
from story import proof
from story.run import run
from story.stage import Stage
from tandem.l1.contracts import checksum


@click.command()
@click.option("--keep", type=click.Path(path_type=Path), help="Keep databases and logs in this folder.")
def cli(keep: Path | None) -> None:
    """Any single step of the chain can be judged by a contract on L1: the story in the terminal."""
    run("proof", keep, _play)


def _play(net: LocalNet, console: Console) -> None:
    console.print("[bold]Tandem: the provable machine, step by step before its judge on L1[/]\n")
    with console.status("starting L1 (anvil)"):
        net.start_l1()
    with console.status("deploying the contracts (ape run deploy)"):
        net.deploy()
    console.print(f"   [green]✓[/] L1 (anvil)       {net.l1_url}, Machine {checksum(net.deployment.l1.machine)}")
    with console.status("starting the sequencer"):
        net.start_sequencer("--batch-age", "500")
    console.print(f"   [green]✓[/] sequencer        {net.l2_url}")
    stage = Stage(net, console)
    proof.play(stage)
    console.print(f"[bold green]Done[/] in {stage.elapsed:.0f} s.")


if __name__ == "__main__":
    cli()
