"""The provable machine at work: what happened on L2, step by step, judged by the contract on L1.

All that is shown is made from L1 alone, as a challenger would who has to prove a step.
"""

import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from story.stage import ETHER, ROOT, DemoFailed, Sent, Stage
from story.steps import Boundary, Judge, Refused, Step, read_boundaries, take_steps
from tandem.l1.contracts import PROVERS, explain
from tandem.machine.stepping import OK, Proven
from tandem.machine.trace import STEP_DEPTH, AssertionTrace
from tandem.node.machine_chain import assertion_trace
from tandem.node.replica import catch_up
from tandem.primitives.hashing import word
from tandem.rollup.assertions import TRACE_DEPTH
from tandem.store import ChainStore

BEADS = ROOT / "story" / "artifacts" / "Beads.json"
"""contracts/test/Beads.sol"""
THREADED = 3
"""Beads in the call that is looked at."""
TOO_MANY = 65
MANY_BOUNDARIES = 45
"""With more than so many, the table leaves out those of empty blocks amid the others."""
FIRST, LAST = 6, 4
"""Steps shown from the beginning and the end of the call; in between one of each kind."""


@dataclass(slots=True)
class Findings:
    """What came of it."""

    boundaries: list[Boundary] = field(default_factory=list)
    agreed: list[Step] = field(default_factory=list)
    """Steps that the contract on L1 judged as the stepper did."""
    refusal: str = ""
    """What the contract said to the forged witness."""

    @property
    def kinds(self) -> set[str]:
        """Kinds of steps that were judged."""
        return {step.kind for step in self.agreed}


def play(stage: Stage) -> Findings:
    """The whole story. Raises DemoFailed where the contract and the stepper differ."""
    act = _Proof(stage)
    act.happen()
    with tempfile.TemporaryDirectory(prefix="tandem-replica-") as folder, ChainStore(Path(folder)) as store:
        act.derive(store)
        with store.read() as session:
            trace = assertion_trace(session, stage.deployment.parameters, 0, session.batch_count())
            act.show_boundaries(trace)
            steps = act.open_call(trace)
            act.judge_call(steps)
            act.judge_all(trace, steps)
            act.forge(steps)
            act.tally()
    return act.findings


class _Proof:
    """The steps of the story, in order."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.judge = Judge(stage.contracts.machine)
        self.findings = Findings()
        self.names: dict[bytes, str] = {}
        """Transactions of the story by their hash."""
        self.call = b""
        """The one that is looked at."""
        self.head = (0, b"")
        """Number and hash of the last block, as the sequencer told them."""
        self.gas: list[int] = []

    def happen(self) -> None:
        """A deposit, a contract, a transfer, a call, and one that reverts."""
        stage, alice, l2 = self.stage, self.stage.alice, self.stage.l2
        stage.step("Something happens on L2")
        before = l2.web3.eth.get_balance(alice.address)
        deposit = stage.contracts.bridge.functions.depositETH(alice.address, 100_000, b"")
        stage.show("alice deposits 10 ETH", stage.l1, stage.l1.call(alice, deposit, 10 * ETHER))
        stage.wait("the deposit on L2", lambda: l2.web3.eth.get_balance(alice.address) > before)
        beads, sent = l2.deploy(alice, BEADS)
        self._name("alice deploys Beads", sent)
        self._name("alice pays bob 1 ETH", l2.send(alice, {"to": stage.bob.address, "value": ETHER, "gas": 100_000}))
        sent = l2.call(alice, beads.functions.thread(THREADED))
        self._name(f"alice calls thread({THREADED})", sent)
        self.call = sent.hash
        request = {"to": beads.address, "data": beads.encode_abi("thread", [TOO_MANY]), "value": 0, "gas": 200_000}
        start = time.perf_counter()
        receipt = l2.wait_for(l2.submit(alice, request))
        if receipt["status"] != 0:
            raise DemoFailed(f"thread({TOO_MANY}) did not revert")
        self._name(f"alice calls thread({TOO_MANY}): reverts", Sent(receipt, (time.perf_counter() - start) * 1000))
        head = l2.web3.eth.get_block("latest")
        self.head = head["number"], bytes(head["hash"])
        stage.wait("every block is on L1", lambda: l2.web3.eth.get_block("safe")["number"] >= head["number"])
        stage.tell(f"all of it is on L1, up to block {head['number']}; from here on L2 is not asked any more")

    def _name(self, what: str, sent: Sent) -> None:
        self.names[sent.hash] = what
        self.stage.show(what, self.stage.l2, sent)

    def derive(self, store: ChainStore) -> None:
        """The chain into a store of our own."""
        stage = self.stage
        stage.step("The chain, derived from L1 alone")
        start = time.perf_counter()
        blocks = catch_up(store, stage.deployment, stage.contracts)
        with store.read() as session:
            batches, digest = session.batch_count(), session.block_hash(self.head[0])
        stage.tell(f"{batches} batches, {blocks} blocks in {_milliseconds(start)}")
        if digest != self.head[1]:
            raise DemoFailed(f"block {self.head[0]} is another than the sequencer's")
        stage.tell(f"block {self.head[0]} is {_short(digest)}, as the sequencer said")

    def show_boundaries(self, trace: AssertionTrace) -> None:
        """Level 0."""
        stage, rows = self.stage, self.findings.boundaries
        stage.step("Level 0: what an assertion on these batches commits to")
        rows += read_boundaries(trace, self.names)
        root = _short(trace.tree.root)
        stage.tell(f"{len(rows)} states, leaves of a tree of depth {TRACE_DEPTH}; its root is {root}")
        stage.tell("who disagrees with it is led down the tree to the first leaf that differs")
        named = [row.leaf for row in rows if row.subject in self.names]
        shown = [
            row
            for row in rows
            if len(rows) <= MANY_BOUNDARIES
            or row.leaf < FIRST
            or row.leaf >= len(rows) - LAST
            or any(abs(row.leaf - leaf) <= 1 for leaf in named)
        ]
        table = []
        expected = 0
        for row in shown:
            if row.leaf > expected:
                table.append(("…", "", "", "", ""))
            subject = "" if row.subject is None else _short(row.subject)
            table.append((str(row.leaf), row.kind, row.what, subject, _short(row.state)))
            expected = row.leaf + 1
        stage.table("Boundaries", ("leaf", "begins with", "what happens", "its hash", "state behind it"), table, left=3)

    def open_call(self, trace: AssertionTrace) -> list[Step]:
        """Level 1 of the call."""
        stage = self.stage
        stage.step(f"Level 1: “{self.names[self.call]}”, step by step")
        leaf = next((row.leaf for row in self.findings.boundaries if row.subject == self.call), None)
        if leaf is None:
            raise DemoFailed("the call is not in the batches")
        start = time.perf_counter()
        tree = trace.steps(leaf).tree
        stage.tell(
            f"leaf {leaf} opens into {len(tree)} states, made in {_milliseconds(start)}: "
            f"leaves of a tree of depth {STEP_DEPTH}; its root is {_short(tree.root)}"
        )
        steps = list(take_steps(trace, leaf))
        if [step.proven.after for step in steps] != [tree.node(0, number) for number in range(len(tree))]:
            raise DemoFailed("steps with witnesses lead elsewhere than steps without")
        if steps[-1].proven.after != trace.tree.node(0, leaf):
            raise DemoFailed("the steps do not lead to the next boundary")
        stage.tell("the last one is the boundary behind the call, to which the engine came without any steps")
        return steps

    def judge_call(self, steps: list[Step]) -> None:
        """All steps of the call, some of them shown."""
        stage = self.stage
        stage.step(f"The judge: Machine {self.judge.address} on L1, {len(PROVERS)} provers behind it")
        start = time.perf_counter()
        with stage.console.status("L1 judges every step of the call"):
            self._judge(steps)
        took = time.perf_counter() - start
        families: set[str] = set()
        shown = []
        for step in steps:
            if step.number < FIRST or step.number >= len(steps) - LAST or _family(step) not in families:
                shown.append(step)
            families.add(_family(step))
        self._table("Steps of the call: the first, the last, and one of each kind", shown)
        stage.tell(f"[green]{len(steps)} of {len(steps)} agree[/], judged by eth_call in {took:.1f} s")
        stage.tell("(L1 gas: of a transaction that judges this one step and does nothing else)")

    def judge_all(self, trace: AssertionTrace, known: Iterable[Step]) -> None:
        """All other steps since genesis, those shown that the call had none of."""
        stage = self.stage
        stage.step("Everything else that these batches made the machine do")
        outcomes = {(_family(step), step.proven.outcome) for step in known}
        shown = []
        count = 0
        with stage.console.status("L1 judges every step of the chain"):
            leaves = [row.leaf for row in self.findings.boundaries if row.subject != self.call]
            for leaf in (*leaves, len(trace.tree)):  # the last one: a machine that has halted goes on halting
                for step in self._judge(take_steps(trace, leaf)):
                    count += 1
                    outcome = (_family(step), step.proven.outcome)
                    if outcome not in outcomes:
                        outcomes.add(outcome)
                        shown.append(step)
        self._table("Kinds and outcomes that were not among those above", shown)
        stage.tell(f"[green]{count} of {count} agree[/]: with those of the call, every step from genesis to the head")

    def forge(self, steps: Iterable[Step]) -> None:
        """A witness that says something else of the storage."""
        stage = self.stage
        stage.step("A lie")
        step = next((step for step in steps if step.kind == "SLOAD" and step.top), None)
        if step is None or step.top is None:
            raise DemoFailed("the call loads nothing from storage")
        told, lie = word(step.top), word(step.top ^ 1)
        forged = step.proven.witness.replace(told, lie)
        if forged == step.proven.witness:
            raise DemoFailed("the witness does not hold what the slot does")
        stage.tell(f"step {step.leaf}.{step.number} (SLOAD) finds {_short(told)} in its slot")
        stage.tell(f"a liar's witness has {_short(lie)} there")
        try:
            self.judge.verdict(step.proven.before, forged)
        except Refused as error:
            self.findings.refusal = explain(error)
        else:
            raise DemoFailed("L1 took a forged witness")
        stage.tell(f"[yellow]refused by L1:[/] {self.findings.refusal}")

    def tally(self) -> None:
        """The last line."""
        found = self.findings
        sizes = [len(step.proven.witness) for step in found.agreed]
        costs = f"witnesses of {min(sizes):,} to {max(sizes):,} bytes, {min(self.gas):,} to {max(self.gas):,} L1 gas"
        steps = f"{len(sizes)} steps of {len(found.kinds)} kinds"
        self.stage.console.print(f"\n[bold green]{steps}: L1 agrees[/], and refuses the forged one; {costs}")

    def _judge(self, steps: Iterable[Step]) -> list[Step]:
        judged = list(steps)
        for step in judged:
            self.judge.check(step)
        self.findings.agreed += judged
        return judged

    def _table(self, title: str, steps: Iterable[Step]) -> None:
        columns = ("step", "what", "outcome", "gas left", "stack top", "witness", "L1 gas", "L1 says")
        self.stage.table(title, columns, [self._row(step) for step in steps], left=3)

    def _row(self, step: Step) -> tuple[str, ...]:
        proven = step.proven
        return (
            f"{step.leaf}.{step.number}",
            step.kind,
            proven.outcome if proven.outcome != OK else "",
            "" if step.gas is None else f"{step.gas:,}",
            "" if step.top is None else _number(step.top),
            f"{len(proven.witness):,}",
            f"{self._gas(proven):,}",
            "agrees",
        )

    def _gas(self, proven: Proven) -> int:
        gas = self.judge.gas(proven)
        self.gas.append(gas)
        return gas


def _family(step: Step) -> str:
    """PUSH1 is as PUSH2 is, for who looks at them."""
    return step.kind.rstrip("0123456789") if step.kind.startswith(("PUSH", "DUP", "SWAP")) else step.kind


def _short(digest: bytes) -> str:
    text = digest.hex()
    return f"0x{text[:8]}…{text[-4:]}"


def _number(value: int) -> str:
    return hex(value) if value < 1 << 40 else _short(word(value))


def _milliseconds(start: float) -> str:
    return f"{(time.perf_counter() - start) * 1000:,.0f} ms"
