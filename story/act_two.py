"""Act two: the sequencer lies about L2, and loses to a challenger that knows nothing but L1."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from web3.logs import DISCARD

from story import withdrawal
from story.disputed import Disputed, check_verdict, short
from story.game_view import Account, Accounts, GameView, Party, Screen, ether
from story.stage import ETHER, ROOT, DemoFailed, Sent, Stage
from story.steps import Judge, Refused
from tandem.chain.spec import MESSAGE_PASSER
from tandem.disputes.forgeries import forged_withdrawal, lie_for
from tandem.disputes.lies import FORGED_BALANCE, Cheat
from tandem.l1.assertion_book import Assertion
from tandem.l1.contracts import checksum, explain
from tandem.l1.encoding import opening_arguments, proof_arguments, withdrawal_arguments
from tandem.l1.game_reader import GameReader
from tandem.l1.signer import development_account
from tandem.node.replica import catch_up
from tandem.primitives.types import Address, Hash
from tandem.rollup.assertions import Status
from tandem.rollup.withdrawals import prove_withdrawal
from tandem.state.tables import StateTables
from tandem.store import ChainStore

BEADS = ROOT / "story" / "artifacts" / "Beads.json"
"""contracts/test/Beads.sol"""
LIAR, CHALLENGER = development_account(2), development_account(9)
"""The accounts of the sequencer's asserter and of the challenger."""
DEPOSIT = 1_200 * ETHER
"""What alice brings to L2: enough in the bridge to pay the lie with, were it believed."""
WITHDRAWN = 2 * ETHER
GAME_TIMEOUT = 150.0
"""Seconds for all moves of a game."""
SETTLE_TIMEOUT = 120.0
"""Seconds for what comes behind its decision."""
POLL = 0.2


def play(stage: Stage, cheat: Cheat, *sequencer: str) -> None:
    """The whole act. `sequencer`: flags that it runs with, its lie aside. The challenger is to be playing."""
    act = _ActTwo(stage, cheat, sequencer)
    act.live()
    act.lie()
    with tempfile.TemporaryDirectory(prefix="tandem-replica-") as folder, ChainStore(Path(folder)) as store:
        catch_up(store, stage.deployment, stage.contracts)
        with store.read() as session:
            disputed = Disputed(stage, session, act.parent, lie_for(cheat, act.liar))
            act.dispute(disputed)
            act.last_step(disputed)
            act.decide()
            act.withdraw(disputed)
            act.lie_is_worth_nothing(disputed)
    act.tally()


@dataclass(frozen=True, slots=True)
class _Purse:
    """An account's wei when the act began."""

    account: Account
    before: int


class _ActTwo:
    """The steps, in order; what an earlier one made, a later one uses."""

    def __init__(self, stage: Stage, cheat: Cheat, sequencer: tuple[str, ...]) -> None:
        self.stage = stage
        self.cheat = cheat
        self.sequencer = sequencer
        self.liar = Address(bytes.fromhex(LIAR.address[2:]))
        self.passer = stage.predeploy("MessagePasser", MESSAGE_PASSER)
        self.reader = GameReader(stage.contracts)
        self.names: dict[bytes, str] = {}
        """Transactions of the act by their hash."""
        self.out: Sent
        """Bob's withdrawal."""
        self.parent: Assertion
        """The last assertion before the lie."""
        self.false: Assertion
        self.right: Assertion

    def live(self) -> None:
        """People use L2; nothing of it is on L1 yet."""
        stage, l2 = self.stage, self.stage.l2
        stage.step("Life goes on, on L2")
        if "sequencer" in stage.net.children:
            stage.wait("an assertion of all that is on L1", self._is_quiet)
            stage.net.stop("sequencer")
        stage.net.start_sequencer(*self.sequencer, "--no-batcher", "--no-asserter")
        before = l2.web3.eth.get_balance(stage.alice.address)
        deposit = stage.contracts.bridge.functions.depositETH(stage.alice.address, 100_000, b"")
        stage.show("alice deposits 1,200 ETH", stage.l1, stage.l1.call(stage.alice, deposit, DEPOSIT))
        stage.wait("the deposit on L2", lambda: l2.web3.eth.get_balance(stage.alice.address) > before)
        payment = {"to": stage.bob.address, "value": 5 * ETHER, "gas": 100_000}
        self._name("alice pays bob 5 ETH", l2.send(stage.alice, payment))
        beads, sent = l2.deploy(stage.alice, BEADS)
        self._name("alice deploys Beads", sent)
        self._name("alice calls thread(3)", l2.call(stage.alice, beads.functions.thread(3)))
        initiate = self.passer.functions.initiateWithdrawal(stage.bob.address, 100_000, b"")
        self.out = l2.call(stage.bob, initiate, WITHDRAWN)
        self._name("bob withdraws 2 ETH", self.out)

    def lie(self) -> None:
        """A false assertion, and who notices."""
        stage = self.stage
        stage.step(f"The sequencer starts to lie: python -m sequencer --cheat {self.cheat.value}")
        self._open_purses()
        batches = self._batch_count()
        stage.net.stop("sequencer")
        stage.net.start_sequencer(*self.sequencer, "--batch-age", "500", "--cheat", self.cheat.value)
        stage.tell(f"the lie: [yellow]{self.cheat.description}[/]")
        self.false = stage.wait("the liar's assertion", lambda: self._by_liar(batches))
        self.parent = stage.wait("its parent", lambda: self.reader.book.get(self.false.opening.parent_id))
        state = self.false.opening.state
        asserted = f"block {short(state.block_hash)} behind batch {state.batches - 1}"
        stage.tell(f"it asserts {asserted}, with a bond of {self._bond()}")
        stage.wait("the challenger's verdict", self._is_found_wrong)
        stage.tell(f"[green]the challenger derived L2 from L1 alone and says: wrong[/] ({stage.net.status_url}/status)")
        self.right = stage.wait("the challenger's rival assertion", self._rival)
        stage.tell(f"it asserts block {short(self.right.opening.state.block_hash)} instead, with the same bond")

    def dispute(self, disputed: Disputed) -> None:
        """The game, to its last move."""
        stage = self.stage
        stage.step("The dispute: both are held to what they have committed to, until one step is left")
        self._check(disputed)
        count = len(disputed.right.tree)
        stage.tell(f"the assertions commit to trees over the machine's states: {count} of them in {self._batches()}")
        liar, challenger = self._party(self.cheater, self.false), self._party(self.challenger, self.right)
        view = GameView(self.reader, self.accounts, liar, challenger, stage.deployment.l1.challenge_window)
        screen = Screen(stage.console, view)
        start = time.monotonic()
        is_opened = False
        with screen.area():
            while not view.is_proven:
                if time.monotonic() - start > GAME_TIMEOUT:
                    raise DemoFailed(f"the game is not over after {GAME_TIMEOUT:.0f} s: {view.line()}")
                stage.net.check()
                time.sleep(POLL)
                view.update()
                if not is_opened and view.disputed_leaf is not None:
                    is_opened = True
                    self._tell_leaf(disputed, view.disputed_leaf)
                screen.show()
        stage.tell(f"[green]proven by the challenger[/] after {time.monotonic() - start:.0f} s")

    def _check(self, disputed: Disputed) -> None:
        if disputed.claim.opening != self.false.opening:
            raise DemoFailed("the false assertion is another lie than the one that was ordered")
        if disputed.right.tree.root != self.right.opening.trace_root:
            raise DemoFailed("the challenger's assertion is not the right one")

    def _tell_leaf(self, disputed: Disputed, leaf: int) -> None:
        if leaf != disputed.lying.lie_leaf:
            raise DemoFailed(f"they play about boundary {leaf}, and the lie is in {disputed.lying.lie_leaf}")
        stage, boundary = self.stage, disputed.boundary(self.names)
        subject = "" if boundary.subject is None else f", {short(boundary.subject)}"
        what = f"L2 block {disputed.block}, {boundary.kind}: {boundary.what or 'no transaction'}{subject}"
        stage.tell(f"[bold]boundary {leaf} is disputed[/] ({what}); it opens into its steps")
        payment = {"to": stage.dave.address, "value": ETHER, "gas": 100_000}
        stage.show("meanwhile alice pays dave 1 ETH", stage.l2, stage.l2.send(stage.alice, payment))

    def last_step(self, disputed: Disputed) -> None:
        """The one step that L1 had to judge."""
        stage = self.stage
        stage.step("The last step, judged by the contract on L1")
        step = disputed.final_step()
        check_verdict(Judge(stage.contracts.machine), step)
        proven = {record.edge.root for record in self.reader.board if record.is_proven}
        if step.proven.after not in proven:
            raise DemoFailed("what was proven on L1 is not the step that parts the two")
        rows = [
            (row.what, row.before, row.after, f"[red]{row.claimed}[/]" if row.differs else row.claimed)
            for row in step.rows
        ]
        where = f"Step {disputed.lying.lie_step} of boundary {disputed.lying.lie_leaf}"
        stage.table(where, ("", "before", "behind it, says the contract", "behind it, said the liar"), rows)
        stage.tell(f"a witness of {len(step.proven.witness):,} bytes was enough; no transaction was executed on L1")

    def decide(self) -> None:
        """The window passes; the contract counts."""
        stage, rollup = self.stage, self.stage.contracts.rollup.functions
        stage.step("The challenge window passes")
        window = stage.deployment.l1.challenge_window
        stage.travel(window + 1)
        stage.tell(f"the window of {window:,} s passes (time travel on L1)")
        confirmed = rollup.isConfirmed(self.right.id)
        stage.wait("the right assertion is confirmed", lambda: confirmed.call(), SETTLE_TIMEOUT)
        stage.tell(f"[green]confirmed:[/] 0x{self.right.id[:8].hex()}…, the challenger's")
        stage.wait("the false assertion is rejected", self._is_rejected, SETTLE_TIMEOUT)
        stage.tell(f"[green]rejected:[/] 0x{self.false.id[:8].hex()}…; its bond is in the pool that pays for moves")

    def withdraw(self, disputed: Disputed) -> None:
        """What is owed is paid."""
        stage = self.stage
        stage.step("Bob's withdrawal pays")
        before = stage.l1.web3.eth.get_balance(stage.bob.address)
        [event] = self.passer.events.MessagePassed().process_receipt(self.out.receipt, errors=DISCARD)
        assertion = withdrawal.Assertion(self.right.opening, disputed.right.end.block.number)
        stage.show("dave finalises it", stage.l1, withdrawal.finalize(stage, assertion, event["args"]))
        if stage.l1.web3.eth.get_balance(stage.bob.address) != before + WITHDRAWN:
            raise DemoFailed("bob's ether did not arrive")
        stage.tell("bob has 2 ETH more on L1")

    def lie_is_worth_nothing(self, disputed: Disputed) -> None:
        """What was lied about is nowhere."""
        stage = self.stage
        stage.step("What became of the lie")
        claimed = disputed.claim.opening.state.block_hash
        if stage.request("eth_getBlockByHash", "0x" + claimed.hex(), False) is not None:
            raise DemoFailed("the liar's block is on L2")
        right = stage.l2.web3.eth.get_block(disputed.claim.header.number)["hash"]
        stage.tell(f"block {disputed.claim.header.number} of L2 is {short(right)}; nobody has {short(claimed)}")
        if self.cheat == Cheat.FAKE_WITHDRAWAL:
            self._try_forged(disputed)
        if self.cheat == Cheat.BALANCE:
            balance = stage.l2.web3.eth.get_balance(LIAR.address)
            if balance >= FORGED_BALANCE:
                raise DemoFailed("the liar has what it gave itself")
            stage.tell(
                f"on L2 the liar has {balance / ETHER:g} ETH, of {FORGED_BALANCE / ETHER:,.0f} that it gave itself"
            )

    def _try_forged(self, disputed: Disputed) -> None:
        forged, bridge = forged_withdrawal(self.liar), self.stage.contracts.bridge
        root = disputed.claim.opening.state.withdrawal_root
        proof = prove_withdrawal(StateTables(preimages=disputed.nodes), root, forged.hash())
        self.stage.tell(f"the liar has a proof of its {forged.value // ETHER:,} ETH, under its own assertion:")
        call = bridge.functions.finalizeWithdrawal(
            withdrawal_arguments(forged), opening_arguments(self.false.opening), proof_arguments(proof)
        )
        try:
            call.call({"from": checksum(self.liar)})
        except Refused as error:
            reason = explain(error)
        else:
            raise DemoFailed("the forged withdrawal pays")
        if not reason.startswith("NotConfirmed"):
            raise DemoFailed(f"the forged withdrawal is refused for another reason: {reason}")
        self.stage.tell(f"[yellow]finalizeWithdrawal is refused by L1:[/] {reason[:40]}…")

    def tally(self) -> None:
        """Who paid for it."""
        stage = self.stage
        stage.step("What it cost")
        stage.wait("the challenger has all its money back", self._is_settled, SETTLE_TIMEOUT)
        self.accounts.read()
        rows = []
        gains = []
        for purse in self.purses:
            account = purse.account
            gains.append(self._balance(account) - purse.before)
            rows.append((account.name, str(account.calls), f"{account.gas:,}", ether(account.wei), ether(gains[-1])))
        stage.table("Money", ("who", "calls to L1", "gas", "paid for gas", "gained"), rows)
        liar, challenger = gains
        stage.tell(
            f"bonds: {self._bond()} of an assertion, {ether(self._step_bond())} of the opening; the liar lost both"
        )
        stage.tell(f"the pool keeps {ether(stage.contracts.game.functions.pool().call())}")
        if challenger < 0:
            raise DemoFailed("honesty has cost the challenger something")
        if liar > -(stage.contracts.rollup.functions.bond().call() + self._step_bond()):
            raise DemoFailed("the liar has lost less than its bonds")
        stage.tell("[green]honesty cost the challenger nothing[/]: every move was paid from the liar's bonds")

    # -- what is looked at

    def _party(self, account: Account, assertion: Assertion) -> Party:
        root = self.stage.contracts.rollup.functions.rootEdge(assertion.id).call()
        return Party(account, assertion.id, Hash(root))

    def _name(self, what: str, sent: Sent) -> None:
        self.names[sent.hash] = what
        self.stage.show(what, self.stage.l2, sent)

    def _open_purses(self) -> None:
        self.cheater, self.challenger = Account("liar", LIAR.address), Account("challenger", CHALLENGER.address)
        self.accounts = Accounts(self.stage.contracts, (self.cheater, self.challenger))
        self.purses = [_Purse(account, self._balance(account)) for account in (self.cheater, self.challenger)]

    def _balance(self, account: Account) -> int:
        return int(self.stage.l1.web3.eth.get_balance(checksum(bytes.fromhex(account.address[2:]))))

    def _is_quiet(self) -> bool:
        """Whether the newest assertion has all batches on L1, and the asserter all bonds that it can have back."""
        newest = self._read()
        own = (entry for entry in self.reader.book if entry.asserter == LIAR.address)
        is_owed = any(entry.status == Status.CONFIRMED and not entry.is_bond_claimed for entry in own)
        return newest.opening.state.batches == self._batch_count() and not is_owed

    def _by_liar(self, batches: int) -> Assertion | None:
        """The liar's first assertion on more than so many batches."""
        self._read()
        entries = (entry for entry in self.reader.book if entry.asserter == LIAR.address)
        return next((entry for entry in entries if entry.opening.state.batches > batches), None)

    def _batch_count(self) -> int:
        return int(self.stage.contracts.inbox.functions.batchCount().call())

    def _read(self) -> Assertion:
        while not self.reader.poll():
            pass
        return list(self.reader.book)[-1]

    def _rival(self) -> Assertion | None:
        self._read()
        children = self.reader.book.children(self.parent.id)
        return next((child for child in children if child.asserter == CHALLENGER.address), None)

    def _is_found_wrong(self) -> bool:
        return self._challenger_says().get(f"0x{self.false.id.hex()}") == "wrong"

    def _challenger_says(self) -> dict[str, str]:
        status: dict[str, Any] = self.stage.net.challenger_status() or {"assertions": []}
        return {item["id"]: item["verdict"] for item in status["assertions"]}

    def _is_rejected(self) -> bool:
        self._read()
        entry = self.reader.book.get(self.false.id)
        return entry is not None and entry.status == Status.REJECTED

    def _is_settled(self) -> bool:
        status = self.stage.net.challenger_status()
        playing = status["playing"] if status is not None else None
        return playing is not None and not int(playing["at_stake"]) and not int(playing["credit"])

    def _bond(self) -> str:
        return ether(self.stage.contracts.rollup.functions.bond().call())

    def _step_bond(self) -> int:
        return int(self.stage.contracts.game.functions.stepBond().call())

    def _batches(self) -> str:
        count = self.false.opening.state.batches - self.parent.opening.state.batches
        return "a batch" if count == 1 else f"{count} batches"
