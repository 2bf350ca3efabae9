"""What must hold when games are over, and what they cost the honest side."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from web3.exceptions import ContractCustomError
from web3.logs import DISCARD

from story.stage import ETHER
from tandem.chain.spec import MESSAGE_PASSER
from tandem.disputes.forgeries import forged_withdrawal
from tandem.disputes.lies import FORGED_BALANCE
from tandem.l1.assertion_book import Assertion
from tandem.l1.contracts import abi, checksum, explain
from tandem.l1.encoding import opening_arguments, proof_arguments, withdrawal_arguments
from tandem.primitives.types import Address, Gas, Hash, Wei
from tandem.rollup.assertions import Status
from tandem.rollup.withdrawals import Withdrawal
from tandem.state.proof import Proof
from tests.support.battle import CHALLENGER, FUNDS, Attack, Battle
from tests.support.network import USERS

CALLS_AT_MOST = 65
"""Of the honest side for each false root: 1 + 20 + 1 + 26 + 1 moves, and what decides and settles."""
SETTLING = 60
"""L1 seconds of a jump in time while bonds are settled."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What an account sent to L1, by the function called."""

    calls: Counter[str]
    gas: Counter[str]

    def rows(self, false_roots: int) -> list[str]:
        """A table: calls, gas of one, gas for each false root."""
        lines = [f"{'':<18}{'calls':>6}{'gas each':>12}{'gas a false root':>18}"]
        for name, count in self.calls.most_common():
            gas = self.gas[name]
            lines.append(f"{name:<18}{count:>6}{gas // count:>12,}{gas // false_roots:>18,}")
        total, gas = sum(self.calls.values()), sum(self.gas.values())
        return [*lines, f"{'all':<18}{total:>6}{gas // total:>12,}{gas // false_roots:>18,}"]


def spent_by(battle: Battle, account: str, since: int) -> Spent:
    """What an account sent from L1 block `since` on, and had mined."""
    calls: Counter[str] = Counter()
    gas: Counter[str] = Counter()
    eth, contracts = battle.harness.l1.web3.eth, battle.harness.contracts
    known = {contract.address: contract for contract in (contracts.rollup, contracts.game)}
    for number in range(since, eth.block_number + 1):
        for transaction in eth.get_block(number, True)["transactions"]:
            assert not isinstance(transaction, bytes)
            if transaction["from"] == account and transaction["to"] in known:
                function, _ = known[transaction["to"]].decode_function_input(transaction["input"])
                calls[function.fn_name] += 1
                gas[function.fn_name] += eth.get_transaction_receipt(transaction["hash"])["gasUsed"]
    return Spent(calls, gas)


def assert_whole(battle: Battle, attacks: list[Attack], since: int, before: int) -> None:
    """What holds after every attack since L1 block `since`, at which the challenger had `before` wei."""
    assert_truth_alone_is_confirmed(battle)
    assert_attackers_paid(battle, attacks)
    assert_game_balance(battle)
    gained = wait_until_paid(battle, before)
    spent = spent_by(battle, CHALLENGER.address, since)
    false = sum(len(attack.asserted) for attack in attacks)
    print("\n".join(spent.rows(false)))
    print(f"{false} false roots; the challenger gained {gained / 10**9:,.0f} gwei")
    assert sum(spent.calls.values()) <= CALLS_AT_MOST * false


def assert_truth_alone_is_confirmed(battle: Battle) -> None:
    """Every confirmed assertion is the right child of its parent."""
    observer = battle.observer
    observer.look()
    confirmed = [entry for entry in observer.book if entry.status == Status.CONFIRMED and not entry.is_genesis]
    assert confirmed
    for entry in confirmed:
        parent = observer.book.get(entry.opening.parent_id)
        assert parent is not None
        right = observer.right_child(parent)
        assert right is not None and right.id == entry.id


def assert_attackers_paid(battle: Battle, attacks: Iterable[Attack], *, spared: Iterable[str] = ()) -> None:
    """No attacker has got its bond back, nor will it. `spared`: accounts that told the truth."""
    game, rollup = battle.harness.contracts.game.functions, battle.harness.contracts.rollup.functions
    least = min(rollup.bond().call(), game.stepBond().call())
    for attack in attacks:
        asserters = {line["account"] for line in attack.told("asserted")}
        for account in set(attack.accounts) - set(spared):
            left = (
                battle.harness.l1.web3.eth.get_balance(checksum(bytes.fromhex(account[2:])))
                + game.credit(account).call()
            )
            lost = rollup.bond().call() if account in asserters else least
            assert left <= FUNDS - lost, f"{attack.name}: {account} has {left} wei"


def assert_game_balance(battle: Battle) -> None:
    """The game's ether is its pool, what it owes, and the bonds of level-1 roots that are not settled."""
    contracts, web3 = battle.harness.contracts, battle.harness.l1.web3
    game = contracts.game
    start = battle.net.deployment.l1.start_block
    owed_to = {log["args"]["to"] for log in game.events.Credited().get_logs(from_block=start)}
    credits = sum(game.functions.credit(who).call() for who in owed_to)
    battle.observer.look()
    bonds = len(list(battle.observer.unsettled())) * game.functions.stepBond().call()
    assert web3.eth.get_balance(game.address) == game.functions.pool().call() + credits + bonds


def wait_until_settled(battle: Battle, parent: Assertion) -> None:
    """Until all that was false about a parent's child is rejected, all bonds are settled, the challenger is done."""

    def is_settled() -> bool:
        observer = battle.observer
        observer.look()
        right = observer.right_child(parent)
        wrong = [child for child in observer.book.children(parent.id) if right is None or child.id != right.id]
        status = battle.net.challenger_status()
        is_told = status is not None and not status["games"] and not status["alarms"]
        if list(observer.unsettled()) and battle.is_quiet():
            battle.travel(SETTLING)  # a level-1 root has its window after the root that it serves
        return is_told and all(child.status == Status.REJECTED for child in wrong) and not list(observer.unsettled())

    battle.harness.wait("all to be settled", is_settled, 90)


def wait_until_paid(battle: Battle, before: int) -> int:
    """Until the challenger has no less than before; what it has gained, wei."""
    battle.harness.wait("the honest side to be paid", lambda: battle.wealth() >= before, 90)
    return battle.wealth() - before


def assert_forgery_is_worthless(battle: Battle, attack: Attack) -> None:
    """The withdrawal that nobody initiated, with a proof that is good but for the assertion."""
    assertion = next(key for key, lie in attack.asserted.items() if lie.startswith("fake-withdrawal"))
    told = attack.told("forged")[0]
    shown = told["proof"]
    siblings = tuple(_hash(item) for item in shown["siblings"])
    proof = Proof(shown["bitmap"], siblings, _hash(shown["leaf_key"]), _hash(shown["leaf_value"]))
    withdrawal = forged_withdrawal(Address(bytes.fromhex(told["thief"][2:])))
    assert withdrawal.value == FORGED_BALANCE
    with pytest.raises(ContractCustomError) as refusal:
        _finalize(battle, withdrawal, assertion, proof).call()
    assert "NotConfirmed" in explain(refusal.value)


def assert_withdrawal_is_paid(battle: Battle, receipt: Any, right: Assertion, block: int) -> None:
    """An honest withdrawal of an ether, by the right assertion, whose last L2 block is `block`."""
    passer = battle.harness.l2.web3.eth.contract(address=checksum(MESSAGE_PASSER), abi=abi("MessagePasser"))
    [event] = passer.events.MessagePassed().process_receipt(receipt, errors=DISCARD)
    passed = event["args"]
    sender, target = (Address(bytes.fromhex(passed[name][2:])) for name in ("sender", "target"))
    value, gas = Wei(passed["value"]), Gas(passed["gasLimit"])
    withdrawal = Withdrawal(passed["nonce"], sender, target, value, gas, passed["data"])
    answer = battle.harness.rpc("tandem_getWithdrawalProof", "0x" + withdrawal.hash().hex(), hex(block))
    shown = answer["storageProof"]
    siblings = tuple(_hash(item[2:]) for item in shown["siblings"])
    proof = Proof(int(shown["bitmap"], 16), siblings, _hash(shown["leafKey"][2:]), _hash(shown["leafValue"][2:]))
    before = battle.harness.l1.web3.eth.get_balance(passed["target"])
    battle.harness.l1.call(USERS[3], _finalize(battle, withdrawal, right.id, proof))
    assert battle.harness.l1.web3.eth.get_balance(passed["target"]) == before + value == before + ETHER


def _finalize(battle: Battle, withdrawal: Withdrawal, assertion: Hash, proof: Proof) -> Any:
    entry = battle.observer.book.get(assertion)
    assert entry is not None
    return battle.harness.contracts.bridge.functions.finalizeWithdrawal(
        withdrawal_arguments(withdrawal), opening_arguments(entry.opening), proof_arguments(proof)
    )


def _hash(digits: str) -> Hash:
    return Hash(bytes.fromhex(digits))


def assert_refused(attack: Attack) -> None:
    """Each of its accounts had a step that L1 did not let it prove."""
    accounts = {line["account"] for line in attack.told("refused") if "WrongStep" in line["reason"]}
    assert accounts == set(attack.accounts)
