"""Disputes on a real local network: how soon the challenger answers, and what it takes to defeat false roots."""

import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.arena import Arena, arena
from bench.burners import BURNERS, Burner
from bench.dispute_costs import show_costs
from bench.fight import Fight
from bench.machine import GAS, Pace, executing, py_evm

CALLS, VERSIONS = 5, 4
"""L2 transactions that false roots at once are about, and the ways in which each is lied about."""
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Subject:
    """One transaction to lie about."""

    burner: Burner
    gas: int

    @property
    def name(self) -> str:
        """For a table."""
        return f"{self.burner.name}, {self.gas:,} gas"


SUBJECTS = tuple(Subject(burner, gas) for gas in GAS for burner in BURNERS)


def show(console: Console) -> None:
    """Measure, and print the tables."""
    show_costs(console)
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    try:
        with console.status("disputes on a local network"), arena(folder) as ring:
            ring.prepare(BURNERS)
            fights, crowd = _fight_all(ring, console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _show_replies(console, fights)
    _show_peers(console, fights)
    _show_costs(
        console, {**{subject.name: fight for subject, fight in fights.items()}, f"{crowd.false_roots} at once": crowd}
    )
    _show_crowd(console, crowd)


def _fight_all(ring: Arena, console: Console) -> tuple[dict[Subject, Fight], Fight]:
    """One after the other: what the next one is about is on L1 before this one begins."""
    posts = [partial(ring.burn, subject.burner, subject.gas) for subject in SUBJECTS]
    posts.append(partial(ring.burn, BURNERS[0], GAS[0], CALLS))
    about = posts[0]()
    ring.open()
    fights: dict[Subject, Fight] = {}
    for subject, post in zip(SUBJECTS, posts[1:], strict=True):
        following = post()
        fight = fights[subject] = ring.fight(f"liar-{len(fights)}", about)
        console.print(f"one in {subject.name}: {len(fight.replies)} moves in {fight.seconds:.0f} s")
        about = following
    crowd = ring.fight("crowd", about, VERSIONS)
    console.print(f"{crowd.false_roots} false roots at once: {len(crowd.replies)} moves in {crowd.seconds:.0f} s")
    return fights, crowd


def _show_replies(console: Console, fights: dict[Subject, Fight]) -> None:
    table = Table(
        "seconds", "steps", "rival", "median", "p99", "max", "level 1", "proof", "game", "CPU", "moves", "MiB"
    )
    table.title = "One false root: the challenger's answers, from L1 block to L1 block"
    for subject, fight in fights.items():
        table.add_row(
            subject.name, f"{fight.step:,}", f"{fight.longest('createAssertion'):.1f}",
            *(f"{fight.percentile(percent):.2f}" for percent in (50, 99)), f"{fight.bisections[-1]:.2f}",
            f"{fight.longest('openSteps'):.1f}", f"{fight.longest('prove'):.1f}", f"{fight.seconds:.0f}",
            f"{fight.cpu_seconds:.0f}", str(len(fight.replies)), f"{fight.peak_memory / MEBIBYTE:,.0f}",
        )  # fmt: skip
    console.print(table)


def _show_peers(console: Console, fights: dict[Subject, Fight]) -> None:
    table = Table("transaction", "level 1, s", "engine, s", "py-evm, s", "level 1 / engine", "engine / py-evm")
    table.title = "To work level 1 out, beside running the transaction once"
    for subject, fight in fights.items():
        opening = fight.longest("openSteps")
        with console.status(f"engine and py-evm: {subject.name}"):
            engine = executing(subject.burner.address, subject.gas, fight.step)
            peer: Pace = py_evm(subject.burner.code, subject.gas, fight.step)
        table.add_row(
            subject.name, f"{opening:.2f}", f"{engine.seconds:.3f}", f"{peer.seconds:.3f}",
            f"{opening / engine.seconds:.1f}", f"{engine.seconds / peer.seconds:.2f}",
        )  # fmt: skip
    console.print(table)


def _show_costs(console: Console, fights: dict[str, Fight]) -> None:
    table = Table("for each false root", "moves", "calls", "gas of moves", "gas", "paid back", title="What it cost")
    for name, fight in fights.items():
        roots = fight.false_roots
        moves = sum(reply.gas for reply in fight.replies)
        table.add_row(
            name, f"{len(fight.replies) / roots:.1f}", f"{fight.calls / roots:.1f}", f"{moves / roots:,.0f}",
            f"{fight.gas / roots:,.0f}", f"{(fight.paid + fight.gained) / fight.paid:.0%}",
        )  # fmt: skip
    console.print(table)


def _show_crowd(console: Console, crowd: Fight) -> None:
    table = Table(
        "", "", title=f"{crowd.false_roots} false roots at once, about {crowd.leaves} leaves", show_header=False
    )
    rows = {
        "seconds to the first rival": f"{crowd.longest('createAssertion'):.1f}",
        "seconds until no move is owed": f"{crowd.seconds:.0f}",
        "seconds for each false root": f"{crowd.seconds / crowd.false_roots:.1f}",
        "CPU seconds of the challenger for each": f"{crowd.cpu_seconds / crowd.false_roots:.1f}",
        "longest reply, seconds": f"{max(reply.seconds for reply in crowd.replies):.1f}",
        "median reply, seconds": f"{crowd.percentile(50):.2f}",
        "p99 reply, seconds": f"{crowd.percentile(99):.2f}",
        "longest opening of level 1, seconds": f"{crowd.longest('openSteps'):.1f}",
        "peak memory of the challenger, MiB": f"{crowd.peak_memory / MEBIBYTE:,.0f}",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
