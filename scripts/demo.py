"""`make demo`: start the whole network, tell the story, leave nothing behind."""

from pathlib import Path

import click
from rich.console import Console

from localnet import LocalNet
from story import act_one, act_three, act_two
from story.run import run
from story.stage import Stage
from tandem.disputes.lies import Cheat
from tandem.l1.contracts import checksum
from tandem.l1.signer import development_account

REFUSED = development_account(5)
"""Carol: the sequencer of the story is told to refuse her."""


@click.command()
@click.option("--keep", type=click.Path(path_type=Path), help="Keep databases and logs in this folder.")
@click.option("--act", type=click.IntRange(1, 3), help="Play this act alone.")
@click.option(
    "--cheat",
    type=click.Choice([str(cheat.value) for cheat in Cheat]),
    default=Cheat.FAKE_WITHDRAWAL.value,
    show_default=True,
    help="What the sequencer lies about in act two.",
)
def cli(keep: Path | None, act: int | None, cheat: str) -> None:
    """Two layers that work, a lie that does not, payments off chain: the story in the terminal, on real processes."""
    if act != 3:
        run("demo", keep and keep / "layers", lambda net, console: _layers(net, console, act, Cheat(cheat)))
    if act in (None, 3):
        run("demo", keep and keep / "channels", _channels)


def _layers(net: LocalNet, console: Console, act: int | None, cheat: Cheat) -> None:
    console.print("[bold]Tandem: an L1, an EVM L2 above it, and value that moves between them[/]\n")
    with console.status("starting L1 (anvil)"):
        net.start_l1()
    console.print(f"   [green]✓[/] L1 (anvil)       {net.l1_url}")
    with console.status("deploying the contracts (ape run deploy)"):
        net.deploy()
    console.print(f"   [green]✓[/] contracts        Inbox {checksum(net.deployment.l1.inbox)}")
    refusal = ("--refuse", REFUSED.address)
    with console.status("starting the sequencer"):
        net.start_sequencer(*refusal, "--batch-age", "3000")
    console.print(f"   [green]✓[/] sequencer        {net.l2_url}")
    with console.status("starting the challenger"):
        net.start_challenger(play=True)
    console.print(f"   [green]✓[/] challenger       {net.status_url}/status (it derives L2 from L1 alone)")
    stage = Stage(net, console)
    if act != 2:
        act_one.play(stage)
    if act != 1:
        act_two.play(stage, cheat, *refusal)
    console.print(f"\n[bold green]Done[/] in {stage.elapsed:.0f} s.")


def _channels(net: LocalNet, console: Console) -> None:
    console.print("\n[bold]Tandem: payment channels, on L1 and on L2[/]\n")
    with console.status("starting L1, deploying the contracts, starting the sequencer"):
        net.start_l1()
        net.deploy()
        net.start_sequencer("--batch-age", "3000")
    console.print(f"   [green]✓[/] L1 {net.l1_url}, L2 {net.l2_url}, ChannelManager on both at")
    console.print(f"     {checksum(net.deployment.l1.channel_manager)}")
    stage = Stage(net, console)
    act_three.play(stage)
    console.print(f"\n[bold green]Done[/] in {stage.elapsed:.0f} s.")


if __name__ == "__main__":
    cli()
