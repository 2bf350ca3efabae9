"""`make prove` on a network: the machine's contracts, on a real L1, judge every step of a real chain."""

from dataclasses import replace
from io import StringIO
from itertools import pairwise

import pytest
from rich.console import Console

from localnet import LocalNet
from story import proof
from story.stage import DemoFailed, Stage
from story.steps import Judge, Refused
from tandem.machine.modes import Prover
from tandem.machine.stepper import BLOCK_END, KINDS, MESSAGE_LOAD, TX_BEGIN
from tandem.primitives.types import Hash

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stage(net: LocalNet) -> Stage:
    return Stage(net, Console(file=StringIO(), width=120))


@pytest.fixture(scope="module")
def findings(stage: Stage) -> proof.Findings:
    return proof.play(stage)


def test_l1_agrees_with_every_step(stage: Stage, findings: proof.Findings) -> None:
    assert len(findings.agreed) >= 60
    assert len(findings.kinds) >= 25
    assert {step.leaf for step in findings.agreed} == set(range(len(findings.boundaries) + 1))
    assert {"SLOAD", "SSTORE", "KECCAK256", "STATICCALL", "TIMESTAMP", "LOG2", "REVERT"} <= findings.kinds
    rare = {"KECCAK", "SELFDESTRUCT_SWEEP"}
    assert {kind.name for kind in (*KINDS.values(), MESSAGE_LOAD, TX_BEGIN, BLOCK_END)} - findings.kinds == rare
    judges = {Prover(step.proven.witness[0]) for step in findings.agreed}
    assert set(Prover) - judges == {Prover.SPONGE}


def test_the_steps_make_one_chain(findings: proof.Findings) -> None:
    steps = sorted(findings.agreed, key=lambda step: (step.leaf, step.number))
    for before, after in pairwise(steps):
        assert before.proven.after == after.proven.before, f"{before.leaf}.{before.number}"
    ends = {step.leaf: step.proven.after for step in steps}
    assert [*(row.state for row in findings.boundaries), findings.boundaries[-1].state] == list(ends.values())


def test_a_forged_witness_is_refused(findings: proof.Findings) -> None:
    assert findings.refusal == "WrongOpening()"


def test_a_judge_does_not_agree_with_just_anything(stage: Stage, findings: proof.Findings) -> None:
    judge = Judge(stage.contracts.machine)
    first, second = (step.proven for step in findings.agreed[:2])
    with pytest.raises(Refused):
        judge.verdict(first.before, second.witness)
    with pytest.raises(Refused):
        judge.verdict(Hash(bytes(32)), first.witness)
    assert judge.verdict(second.before, second.witness) not in (first.after, second.before)


def test_the_story_says_so(stage: Stage, findings: proof.Findings) -> None:
    assert isinstance(stage.console.file, StringIO)
    told = stage.console.file.getvalue()
    assert f"{len(findings.agreed)} steps of {len(findings.kinds)} kinds: L1 agrees" in told
    assert "refused by L1: WrongOpening()" in told
    assert "alice calls thread(3)" in told


def test_the_story_ends_where_l1_differs(stage: Stage, findings: proof.Findings) -> None:
    judge = Judge(stage.contracts.machine)
    step = findings.agreed[0]
    wrong = replace(step, proven=replace(step.proven, after=step.proven.before))
    with pytest.raises(DemoFailed, match="another state"):
        judge.check(wrong)
