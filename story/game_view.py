"""A dispute as it runs: what either party has done on L1, where they stand, and how that looks in the terminal."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from web3 import Web3
from web3.exceptions import Web3ValueError

from story.stage import ETHER
from tandem.disputes.board import Record, Timers
from tandem.disputes.edges import INFINITE
from tandem.disputes.fronts import Front, front
from tandem.l1.contracts import L1
from tandem.l1.game_reader import GameReader
from tandem.node.player import leaves_below
from tandem.primitives.types import Hash

LINE_EVERY = 5
"""Heights between two lines where there is no terminal to draw in."""


@dataclass(slots=True)
class Account:
    """What an account has sent to L1 since it is looked at."""

    name: str
    address: str
    calls: int = 0
    gas: int = 0
    wei: int = 0
    """Paid for that gas."""
    last: str = ""
    """The last function that it called."""


class Accounts:
    """Reads L1 block by block."""

    def __init__(self, l1: L1, accounts: tuple[Account, ...]) -> None:
        """From L1's next block on."""
        self._web3: Web3 = l1.web3
        self._contracts = (l1.game, l1.rollup)
        self._by_address = {account.address: account for account in accounts}
        self._next = l1.web3.eth.block_number + 1

    def read(self) -> None:
        """What is new."""
        for number in range(self._next, self._web3.eth.block_number + 1):
            block: Any = self._web3.eth.get_block(number, full_transactions=True)
            for sent in block["transactions"]:
                account = self._by_address.get(sent["from"])
                if account is not None:
                    self._count(account, sent)
            self._next = number + 1

    def _count(self, account: Account, sent: Any) -> None:
        receipt = self._web3.eth.get_transaction_receipt(sent["hash"])
        account.calls += 1
        account.gas += receipt["gasUsed"]
        account.wei += receipt["gasUsed"] * receipt["effectiveGasPrice"]
        for contract in self._contracts:
            if contract.address == receipt["to"]:
                try:
                    account.last = contract.decode_function_input(sent["input"])[0].fn_name
                except Web3ValueError:
                    account.last = "an unknown call"


@dataclass(frozen=True, slots=True)
class Party:
    """Who plays, for which assertion."""

    account: Account
    assertion: Hash
    """Its id."""
    root: Hash
    """Of the edge over its whole trace."""


class GameView:
    """One game: the liar's assertion against the challenger's."""

    def __init__(self, reader: GameReader, accounts: Accounts, liar: Party, challenger: Party, window: int) -> None:
        self._reader = reader
        self._accounts = accounts
        self._parties = (liar, challenger)
        self._window = window
        self.front: Front | None = None
        """Where the two stand; None before both are on the board."""

    def update(self) -> None:
        """Look at L1."""
        self._reader.poll()
        self._accounts.read()
        liar, challenger = self._roots()
        if liar is not None and challenger is not None and challenger.is_rivalled:
            self.front = front(challenger, liar)

    @property
    def is_proven(self) -> bool:
        """Whether the last step is."""
        return self.front is not None and self.front.turn == "nobody"

    @property
    def disputed_leaf(self) -> int | None:
        """The step of level 0 that a level-1 game is about, once there is one."""
        _, challenger = self._roots()
        opened = (leaf for leaf in leaves_below(challenger) if leaf.step_roots) if challenger else iter(())
        return next((leaf.edge.index for leaf in opened), None)

    def line(self) -> str:
        """One line for where there is no terminal."""
        liar, challenger = (party.account for party in self._parties)
        gas = f"{liar.gas + challenger.gas:,} gas"
        return f"{self._where()}; calls: liar {liar.calls}, challenger {challenger.calls}; {gas}"

    def render(self) -> Table:
        """The game as a table."""
        timers = Timers(self._reader.time)
        table = Table(title=f"The game: {self._where()}", title_justify="left", width=96)
        table.add_column("")
        for party in self._parties:
            table.add_column(f"{party.account.name} {party.account.address[:8]}…", justify="right", ratio=1)
        roots = self._roots()
        rows: tuple[tuple[str, Callable[[Party, Record | None], str]], ...] = (
            ("assertion", lambda party, _: f"0x{party.assertion[:8].hex()}…"),
            ("edges in its trace", lambda _, root: str(len(edges_below(root)))),
            ("its root's clock", lambda _, root: self._clock(timers, root)),
            ("calls to L1", lambda party, _: str(party.account.calls)),
            ("the last one", lambda party, _: party.account.last),
            ("gas", lambda party, _: f"{party.account.gas:,}"),
            ("paid for gas", lambda party, _: ether(party.account.wei)),
        )
        for what, show in rows:
            table.add_row(what, *(show(party, root) for party, root in zip(self._parties, roots, strict=True)))
        return table

    def _roots(self) -> tuple[Record | None, Record | None]:
        liar, challenger = (self._reader.board.get(party.root) for party in self._parties)
        return liar, challenger

    def _where(self) -> str:
        at = self.front
        if at is None:
            return "not yet begun"
        first = at.index << at.height
        last = first + (1 << at.height) - 1
        unit = "boundaries" if at.level == 0 else "steps"
        return f"level {at.level}, height {at.height}, index {at.index} ({unit} {first:,} to {last:,})"

    def _clock(self, timers: Timers, root: Record | None) -> str:
        seconds = timers.true(root) if root is not None else 0
        return "proven" if seconds == INFINITE else f"{seconds:,} of {self._window:,} s"


class Screen:
    """Shows the game: drawn anew in a terminal, line by line elsewhere."""

    def __init__(self, console: Console, view: GameView) -> None:
        self._view = view
        self._live = Live(view.render(), console=console, auto_refresh=False) if console.is_terminal else None
        self._console = console
        self._told: tuple[int, int] | None = None

    def area(self) -> AbstractContextManager[object]:
        """In which it is drawn."""
        return self._live or nullcontext()

    def show(self) -> None:
        """As it is now."""
        if self._live is not None:
            self._live.update(self._view.render(), refresh=True)
            return
        at = self._view.front
        stage = None if at is None else (at.level, at.height // LINE_EVERY)
        if stage != self._told:
            self._told = stage
            self._console.print(f"   {self._view.line()}")


def edges_below(root: Record | None) -> set[bytes]:
    """Ids of all edges of a trace, of both levels."""
    if root is None:
        return set()
    found = {bytes(root.id)}
    for below in (*(root.children or ()), *root.step_roots):
        found |= edges_below(below)
    return found


def ether(wei: int) -> str:
    """An amount for who reads."""
    amount = f"{wei / ETHER:,.6f}"
    return f"{amount.rstrip('0').rstrip('.')} ETH"
