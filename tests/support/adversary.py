"""An attacker as a process of its own: derives the chain from L1, asserts what is false, and plays for it.

    python -m tests.support.adversary --deployment FILE --l1 URL --data FOLDER --parent ID --account 20 --lie gas/2

Accounts are counted on from --account, one for each lie unless --each says otherwise. What happens is told on stdout,
in JSON lines.
"""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import click
from eth_account.signers.local import LocalAccount

from tandem.chain.spec import Deployment
from tandem.disputes.board import Board
from tandem.disputes.moves import Answer, OpenSteps, Prove
from tandem.disputes.traces import Claims
from tandem.errors import TandemError
from tandem.l1.assertion_book import Assertion
from tandem.l1.contracts import L1, connect
from tandem.l1.encoding import claim_arguments
from tandem.l1.game_reader import GameReader
from tandem.l1.sender import L1Sender, SendFailure
from tandem.l1.signer import development_account
from tandem.machine.trace import Boundaries
from tandem.node.inbox_sync import L1_ERRORS
from tandem.node.player import make_moves
from tandem.node.replica import catch_up
from tandem.primitives.types import Address, Hash
from tandem.rollup.assertions import Claim
from tandem.store import ChainStore
from tests.support.behaviours import BEHAVIOURS, Choosy, Policy, below_leaf
from tests.support.lies_on_l1 import Liar, Telling

POLL = 0.3
"""Seconds between two looks at L1."""
TRIES = 2
"""Times that a proof is tried which L1 refuses."""


Cast = list["Script"]
"""What one account does."""


def tell(event: str, **fields: Any) -> None:
    """A status line."""
    print(json.dumps({"event": event, **fields}), flush=True)


@dataclass(frozen=True, slots=True)
class Script:
    """What a party is to do."""

    telling: Telling
    account: LocalAccount
    trace: Boundaries
    claims: Claims
    policy: Policy
    claim: Claim | None
    """What it asserts; None where it plays below a leaf alone."""

    def summary(self) -> dict[str, Any]:
        """For a status line."""
        leaf, step = getattr(self.trace, "lie_leaf", None), getattr(self.trace, "lie_step", None)
        return {"lie": self.telling.name, "leaves": len(self.trace.tree), "leaf": leaf, "step": step}


class Party:
    """One account with its claims."""

    def __init__(self, l1: L1, scripts: Sequence[Script], stopping: Event) -> None:
        self.scripts = scripts
        self._l1 = l1
        self._sender = L1Sender(l1.web3, scripts[0].account, stopping)
        self._players = [Choosy(script.claims, self._sender.address, script.policy) for script in scripts]
        self._failures: Counter[Hash] = Counter()

    def make_assertions(self) -> None:
        """Assert. Nothing is to be done where another made it."""
        rollup = self._l1.rollup.functions
        bond = rollup.bond().call()
        claims = [script.claim for script in self.scripts if script.claim is not None]
        new = [claim for claim in claims if not rollup.getAssertion(claim.opening.id()).call()[2]]
        for outcome in self._sender.send_all([(rollup.createAssertion(*claim_arguments(item)), bond) for item in new]):
            if isinstance(outcome, SendFailure):
                raise outcome
        for script in self.scripts:
            if script.claim is not None:
                tell("asserted", id=script.claim.opening.id().hex(), account=self._sender.address, **script.summary())

    def turn(self, board: Board, now: int) -> int:
        """Make what is due. Gives the number of moves made."""
        wanted: dict[Hash, Answer] = {}
        for player in self._players:
            player.now = now
            for answers in player.rounds(board):
                wanted |= {_key(answer): answer for answer in answers if self._failures[_key(answer)] < TRIES}
        return self._send(list(wanted.values())) if wanted else 0

    def _send(self, answers: list[Answer]) -> int:
        result = make_moves(self._l1, self._sender, answers)
        for answer in answers:
            if isinstance(answer, Prove) and answer not in result.made:
                self._failures[_key(answer)] += 1
        for answer in result.made:
            tell("moved", account=self._sender.address, move=answer.describe())
        for reason in result.refused:
            tell("refused", account=self._sender.address, reason=reason)
        return len(result.made)


def _key(answer: Answer) -> Hash:
    return answer.leaf.id if isinstance(answer, OpenSteps) else answer.edge.id


def cast(liar: Liar, names: tuple[str, ...], accounts: Iterator[LocalAccount], each: int, policy: Policy) -> list[Cast]:
    """What each account does: `each` lies, but for the last one."""
    casts = []
    for at in range(0, len(names), each):
        account = next(accounts)
        casts.append([_script(liar, name, account, policy) for name in names[at : at + each]])
    return casts


def _script(liar: Liar, name: str, account: LocalAccount, policy: Policy) -> Script:
    trace = liar.trace(Telling(name), thief(account))
    return Script(Telling(name), account, trace, liar.claims(trace), policy, liar.claim(trace))


def helpers(liar: Liar, false: Boundaries, accounts: Iterator[LocalAccount], rotten: int, shadows: int) -> list[Cast]:
    """Below a lie's leaf, each from an account of its own: `rotten` that claim the right one, `shadows` the false."""
    leaf = getattr(false, "lie_leaf", 0)
    found = []
    for trace, kind, wanted in ((liar.honest, "rotten", rotten), (false, "shadow", shadows)):
        for number in range(wanted):
            claims = liar.rotten(trace, leaf, number)
            found.append([Script(Telling(kind), next(accounts), trace, claims, below_leaf(leaf), None)])
    return found


def thief(account: LocalAccount) -> Address:
    """Whom the lie is told for."""
    return Address(bytes.fromhex(account.address[2:]))


def find_parent(reader: GameReader, parent: Hash) -> Assertion:
    """The assertion of this id, when L1 has it."""
    while True:
        reader.poll()
        found = reader.book.get(parent)
        if found is not None:
            return found
        time.sleep(POLL)


def tell_forgeries(liar: Liar, parties: list[Party]) -> None:
    """The proofs with which a withdrawal from nowhere could be fetched, were its assertion confirmed."""
    for script in [script for party in parties for script in party.scripts]:
        if script.telling.name.startswith("fake-withdrawal"):
            shown = asdict(liar.forged_proof(script.trace, thief(script.account)))
            tell("forged", thief=script.account.address, proof={key: _plain(value) for key, value in shown.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, int):
        return value
    return value.hex() if isinstance(value, bytes) else [item.hex() for item in value]


def play(parties: list[Party], reader: GameReader, stopping: Event) -> None:
    """Until it is stopped."""
    for party in parties:
        party.make_assertions()
    quiet = (-1, -1)
    while not stopping.wait(POLL):
        try:
            if not reader.poll():
                continue
            made = sum(party.turn(reader.board, reader.time) for party in parties)
        except (TandemError, *L1_ERRORS) as error:
            tell("waiting", reason=str(error))
            continue
        if not made and quiet != (len(reader.board), reader.time):
            quiet = (len(reader.board), reader.time)
            tell("quiet", edges=quiet[0], time=quiet[1])


@click.command()
@click.option("--deployment", type=click.Path(path_type=Path), required=True)
@click.option("--l1", "url", required=True)
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--parent", required=True, help="Id of the assertion whose child is lied about.")
@click.option("--account", default=20, help="Of the development mnemonic.")
@click.option("--lie", "lies", multiple=True, required=True)
@click.option("--behaviour", type=click.Choice(list(BEHAVIOURS)), default="eager")
@click.option("--each", default=1, help="Lies of one account.")
@click.option("--rotten", default=0, help="Level-1 roots that claim the right leaf where the first lie is.")
@click.option("--shadows", default=0, help="Level-1 roots more that claim the false leaf there.")
def main(
    deployment: Path,
    url: str,
    data: Path,
    parent: str,
    account: int,
    lies: tuple[str, ...],
    behaviour: str,
    each: int,
    rotten: int,
    shadows: int,
) -> None:
    """Attack until it is stopped."""
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    deployed = Deployment.load(deployment)
    l1 = L1(connect(url), deployed.l1)
    reader = GameReader(l1)
    with ChainStore(data) as store:
        above = find_parent(reader, Hash(bytes.fromhex(parent)))
        catch_up(store, deployed, l1)
        with store.read() as session:
            liar = Liar(session, deployed, above)
            accounts = map(development_account, count(account))
            casts = cast(liar, lies, accounts, each, BEHAVIOURS[behaviour])
            casts += helpers(liar, casts[0][0].trace, accounts, rotten, shadows)
            parties = [Party(l1, scripts, stopping) for scripts in casts]
            tell_forgeries(liar, parties)
            play(parties, reader, stopping)


if __name__ == "__main__":
    main()
