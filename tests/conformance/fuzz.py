"""Random programs on four machines: the engine, the stepper (its steps judged by the contracts), revm and py-evm.

    python -m tests.conformance.fuzz [--seconds 60] [--seed N] [--sample 40]

A seed is a case: three contracts that compute, store, log, call one another, create and destroy, and a transaction with
much gas or just too little. All must end alike: status, gas, logs, balances, nonces, codes and storage. Prints the seed
of each case that does not; `--seed N` runs that one alone.
"""

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tandem.chain.spec import ChainParameters
from tandem.evm.context import BlockContext
from tandem.evm.diff import StateDiff
from tandem.evm.executor import BlockExecutor
from tandem.evm.receipt import Receipt
from tandem.evm.rules import CANCUN, ethereum
from tandem.evm.validation import intrinsic_gas
from tandem.machine.chain import Ancestry, Chain, NoInbox, Overlay
from tandem.machine.machine import Machine
from tandem.primitives.hashing import EMPTY_CODE_HASH, keccak
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import Address, Gas, Hash, Seconds, Wei
from tandem.state import tree
from tandem.state.account import Account
from tandem.state.code import code_root
from tandem.state.database import StateDatabase
from tandem.state.tables import MemoryTable, StateTables
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import LEGACY, SignedTransaction
from tests.conformance.alone import begin, block_state, follow
from tests.conformance.judging import Disagreement, choose, judge
from tests.conformance.oracles import Outcome, Setting, in_py_evm, in_revm
from tests.conformance.programs import CONTRACTS, NOBODY, PRECOMPILES, STRANGER, random_program
from tests.support.verifier import Verifier

KEY = b"\x2a" * 32
SENDER = address_of(KEY)
CHAIN_ID = 1
CONTEXT = BlockContext(
    number=300,
    timestamp=Seconds(1_700_000_000),
    coinbase=Address(b"\xfe" * 20),
    prev_randao=keccak(b"randao"),
    base_fee=Wei(0),
    gas_limit=Gas(100_000_000),
)
GAS = (30_000, 100_000, 400_000, 2_000_000)
SAMPLE = 40
SECONDS = 60.0


def setting_of(dice: random.Random) -> Setting:
    """The case of a seed."""
    program = random_program(dice)
    accounts = {SENDER: (7, 10**20, b""), STRANGER: (0, 5, b"")}
    for address, code, balance in zip(CONTRACTS, program.codes, program.balances, strict=True):
        accounts[address] = (1, balance, code)
    return Setting(
        accounts=accounts,
        storage=dict(zip(CONTRACTS, program.storage, strict=True)),
        sender=SENDER,
        to=CONTRACTS[0],
        value=program.value,
        data=program.data,
        gas=dice.choice(GAS),
        intrinsic=intrinsic_gas(program.data, False),
        context=CONTEXT,
        chain_id=CHAIN_ID,
    )


class Ours:
    """A case on the engine and on the stepper."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.tables = StateTables(MemoryTable(), MemoryTable(), MemoryTable())
        self.database = StateDatabase(self.tables)
        self.root, _ = self.database.commit(tree.EMPTY, _genesis(setting))
        unsigned = UnsignedTransaction(
            LEGACY, CHAIN_ID, setting.accounts[SENDER][0], Wei(0), Wei(0), Gas(setting.gas + setting.intrinsic),
            setting.to, Wei(setting.value), setting.data,
        )  # fmt: skip
        self.transaction: SignedTransaction = unsigned.sign(KEY)

    def in_engine(self) -> tuple[Outcome, Receipt, Hash, StateDiff]:
        """How the engine ends."""
        executor = BlockExecutor(self.database, CONTEXT, ethereum(CANCUN, CHAIN_ID))
        receipt = executor.apply(self.transaction)
        diff = executor.finish()
        after, _ = self.database.commit(self.root, diff)
        logs = tuple((bytes(log.address), tuple(log.topics), log.data) for log in receipt.logs)
        accounts, storage = {}, {}
        for address, slots in asked(self.setting, diff):
            account = self.database.account(address)
            if account is not None and address != SENDER:
                accounts[bytes(address)] = (account.nonce, int(account.balance), account.code_hash)
            for slot in slots:
                if value := self.database.storage(address, slot):
                    storage[bytes(address), slot] = value
        return Outcome(receipt.status, receipt.gas_used, logs, accounts, storage), receipt, after, diff

    def machine(self) -> Machine:
        """The machine before the transaction."""
        chain = Chain(Overlay(self.tables.preimages), ChainParameters(CHAIN_ID), NoInbox(), Ancestry())
        m = begin(chain, block_state(CONTEXT, CHAIN_ID, self.root), self.transaction)
        assert m is not None
        return m


def asked(setting: Setting, diff: StateDiff) -> list[tuple[Address, list[int]]]:
    """What to compare: all accounts there were and are, and their slots."""
    addresses = {*setting.accounts, NOBODY, *diff.accounts, *diff.storage}
    addresses |= {Address(number.to_bytes(20, "big")) for number in PRECOMPILES}
    return [
        (address, sorted({*setting.storage.get(address, {}), *diff.storage.get(address, {})}))
        for address in sorted(addresses)
    ]


def run(setting: Setting, sample: int, verifier: Verifier | None, dice: random.Random) -> int:
    """The case on all machines. Disagreement where they do not agree. Gives the number of steps judged."""
    ours = Ours(setting)
    outcome, receipt, root, diff = ours.in_engine()
    chosen = choose(follow(ours.machine(), root, receipt), sample, dice)
    for name, other in (("revm", in_revm), ("py-evm", in_py_evm)):
        theirs = other(setting, asked(setting, diff))
        if theirs != outcome:
            raise Disagreement(f"{name} ends otherwise: {_first_difference(outcome, theirs)}")
    if verifier is None:
        return 0
    report = judge(ours.machine(), chosen, verifier)
    if report.failures:
        raise Disagreement(report.failures[0])
    return report.passed


def _first_difference(ours: Outcome, theirs: Outcome) -> str:
    for name in ("status", "gas_used", "logs", "accounts", "storage"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        if mine != other:
            return f"{name}: ours {mine}, theirs {other}"
    return "nowhere"


def _genesis(setting: Setting) -> StateDiff:
    diff = StateDiff()
    for address, (nonce, balance, code) in setting.accounts.items():
        digest = keccak(code) if code else EMPTY_CODE_HASH
        diff.accounts[address] = Account(nonce, Wei(balance), digest, code_root(code), len(code))
        if code:
            diff.code[digest] = code
        diff.storage[address] = dict(setting.storage.get(address, {}))
    return diff


def cases(seed: int) -> list[tuple[Setting, random.Random]]:
    """A seed's case, and the same with just the gas that it needs, and with less."""
    dice = random.Random(seed)
    setting = setting_of(dice)
    used = Ours(setting).in_engine()[0].gas_used - setting.intrinsic
    less = [replace(setting, gas=max(0, gas)) for gas in (used, used - 1, dice.randint(0, max(used, 1)))]
    return [(case, dice) for case in (setting, *less)]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Random programs on four machines.")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for how long")
    parser.add_argument("--seed", type=int, help="this case alone")
    parser.add_argument("--first", type=int, default=int(time.time()), help="the seed to begin with")
    parser.add_argument("--sample", type=int, default=SAMPLE, help="steps of a case to judge; 0: none")
    given = parser.parse_args(arguments)
    verifier = Verifier() if given.sample else None
    end = time.monotonic() + given.seconds
    seed = given.first if given.seed is None else given.seed
    passed = steps = failed = 0
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), transient=True) as progress:
        task = progress.add_task("")
        while True:
            for setting, dice in cases(seed):
                try:
                    steps += run(setting, given.sample, verifier, dice)
                    passed += 1
                except Disagreement as difference:
                    failed += 1
                    progress.console.print(f"FAILED seed {seed}, {setting.gas} gas: {difference}", markup=False)
            progress.update(
                task, description=f"seed {seed}: {passed} cases agree, {steps} steps judged, {failed} failed"
            )
            seed += 1
            if given.seed is not None or time.monotonic() > end:
                break
    print(f"{steps} steps judged")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
