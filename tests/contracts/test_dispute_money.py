"""DisputeGame: bonds of level 1, the pool, and who is paid from it (settle, refund, withdraw)."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, replace

import ape
import pytest
from eth_utils import keccak

from tandem.disputes.edges import Path
from tandem.disputes.moves import Lift, Update
from tandem.disputes.settlement import refunds
from tandem.disputes.strategy import next_moves
from tandem.disputes.updates import updates
from tests.contracts.table import FEES, TIP, Duel
from tests.contracts.world import (
    BOND,
    STEP_BOND,
    WINDOW,
    ZERO_ADDRESS,
    L2State,
    World,
    now,
    pass_time,
    place,
    taken_back,
)


@pytest.fixture
def game(small_world):
    return small_world.game


@pytest.fixture
def played(duel):
    """All moves made, and the time passed."""
    duel.play(duel.honest, duel.liar)
    pass_time(WINDOW)
    return duel


@pytest.fixture
def won(played):
    """Confirmed, and nothing settled yet."""
    played.bring_up(played.honest)
    played.confirm(played.honest)
    return played


@pytest.fixture
def settled(won):
    """The lost bonds brought to the pool."""
    won.settle(won.honest, won.liar.assertion)
    return won


@pytest.fixture
def roots(duel):
    """Of level 1: the true one and the false one."""
    return lambda: (duel.step_claim(duel.honest).root, duel.step_claim(duel.liar).root)


def unsettled(table):
    """Bonds of level 1 that nobody has brought anywhere yet, wei."""
    return STEP_BOND * sum(record.claim is not None and not record.is_settled for record in table.board)


def holds(table, *accounts):
    """The game's balance is what it owes."""
    game = table.world.game
    owed = sum(game.credit(account) for account in accounts)
    return game.balance == game.pool() + owed + unsettled(table)


def paid_for(receipt):
    """Wei that a transaction with these fees has cost."""
    return receipt.gas_used * (ape.chain.blocks[receipt.block_number].base_fee + TIP)


class TestSettle:
    def test_gives_the_winner_back_his_bond_and_the_pool_the_losers(self, won, game, roots, alice, deployer):
        true, false = roots()
        logs = game.settleSteps(astuple(true), [false.root], sender=deployer).decode_logs()
        names = [log.event_name for log in logs]
        assert names == ["StepRootWon", "Credited", "StepRootLost", "PoolFunded", "Credited"]
        assert (bytes(logs[0].place), bytes(logs[0].id)) == (true.place, true.id)
        assert (logs[1].to, logs[1].amount) == (alice.address, STEP_BOND)
        assert (bytes(logs[2].place), bytes(logs[2].id)) == (false.place, false.id)
        assert (logs[3].amount, logs[4].to) == (STEP_BOND, deployer.address)
        assert game.pool() + game.credit(deployer) == STEP_BOND
        assert bytes(game.winner(true.place)) == true.id
        assert game.isSettled(true.id)
        assert game.isSettled(false.id)

    def test_pays_for_the_work_of_it(self, won, game, roots, deployer):
        """But for the winner's own bond, which his opening is credited with."""
        true, false = roots()
        game.settleSteps(astuple(true), [], sender=deployer)
        receipt = game.settleSteps(astuple(true), [false.root], sender=deployer, **FEES)
        assert paid_for(receipt) <= game.credit(deployer) <= 2 * paid_for(receipt)

    def test_pays_nothing_for_what_was_settled(self, settled, game, roots, deployer):
        true, false = roots()
        pool = game.pool()
        assert game.settleSteps(astuple(true), [false.root, true.root], sender=deployer).decode_logs() == []
        assert (game.pool(), game.credit(deployer)) == (pool, 0)

    def test_takes_the_winner_first_and_losers_later(self, won, game, roots, deployer):
        true, false = roots()
        assert len(game.settleSteps(astuple(true), [], sender=deployer).decode_logs()) == 2
        assert not game.isSettled(false.id)
        assert len(game.settleSteps(astuple(true), [false.root], sender=deployer).decode_logs()) == 3
        assert holds_after_settling(game, deployer, true)

    def test_waits_for_the_window(self, played, game, roots, deployer):
        true, false = roots()
        for root in (true, false):  # nobody has brought the timers up
            with ape.reverts(game.NotWon, id=root.id, timer=game.timer(astuple(root))):
                game.settleSteps(astuple(root), [], sender=deployer)

    def test_has_one_winner(self, settled, game, roots, deployer):
        _, false = roots()
        with ape.reverts(game.NotWon, id=false.id, timer=0):
            game.settleSteps(astuple(false), [], sender=deployer)

    def test_is_about_roots_of_level_1_that_are_there(self, won, game, roots, deployer):
        true, _ = roots()
        level_0 = won.honest.assertion.claim.root
        below = won.step_claim(won.honest).edge(2, 0)
        for edge in (level_0, below):
            with ape.reverts(game.WrongPlace, level=edge.level, height=edge.height):
                game.settleSteps(astuple(edge), [], sender=deployer)
        nobody = replace(true, root=keccak(b"nobody's"))
        with ape.reverts(game.UnknownEdge, id=nobody.id):
            game.settleSteps(astuple(nobody), [], sender=deployer)
        with ape.reverts(game.UnknownEdge, id=nobody.id):
            game.settleSteps(astuple(true), [nobody.root], sender=deployer)


def holds_after_settling(game, deployer, true):
    """Both bonds are where they belong."""
    owed = game.credit(game.getRecord(true.id).mover) + game.credit(deployer)
    return game.balance == game.pool() + owed == 2 * STEP_BOND


class TestRefund:
    def test_pays_every_move_for_the_truth_what_it_cost(self, settled, game, alice):
        moves = [made for made in settled.by(alice) if made.name in ("createAssertion", "bisect", "openSteps", "prove")]
        before = game.credit(alice)
        settled.refund(settled.honest)
        gained = game.credit(alice) - before
        paid = sum(made.paid for made in moves)
        assert len(moves) == 1 + 3 + 1 + 3 + 1
        assert paid < gained < 2 * paid
        assert holds(settled, alice)

    def test_pays_each_mover_what_his_moves_cost(self, duel, small_world, game, accounts):
        """Every honest move by somebody else."""
        movers, paid, at = [accounts[i] for i in (5, 7, 8, 9)], Counter(), 0
        while due := dues(duel):
            mover = movers[at % len(movers)]
            duel.move(mover, duel.honest.claims.make(due[0]))
            paid[mover.address] += duel.made[-1].paid
            at += 1
            duel.turn(duel.liar)
        pass_time(WINDOW)
        duel.bring_up(duel.honest)
        duel.confirm(duel.honest)
        duel.settle(duel.honest, duel.liar.assertion)
        before = {mover.address: game.credit(mover) for mover in movers}
        duel.refund(duel.honest)
        for mover in movers:
            gained = game.credit(mover) - before[mover.address]
            assert gained >= paid[mover.address] > 0
        assert holds(duel, *movers, duel.honest.account)

    def test_costs_the_honest_party_nothing_in_the_end(self, settled, game, alice):
        settled.refund(settled.honest)
        assert game.credit(alice) >= STEP_BOND + sum(made.paid for made in settled.by(alice))

    def test_pays_who_decides_who_has_moves_paid_and_nobody_a_second_time(self, played, game, alice, accounts):
        """Neither made a move."""
        decider, refunder = accounts[5], accounts[7]
        for update in updates(played.board, played.honest.claims, now(), WINDOW):
            played.move(decider, update)
            played.move(accounts[8], update)
        played.send(decider, played.world.rollup.confirmAssertion, played.honest.assertion.id)
        played.settle(played.honest, played.liar.assertion)
        assert [game.credit(account) for account in (decider, refunder, accounts[8])] == [0, 0, 0]
        for refund in refunds(played.board, played.honest.claims, played.honest.assertion.id, played):
            played.move(refunder, refund)
        for account in (decider, refunder):
            paid = sum(made.paid for made in played.by(account))
            assert paid <= game.credit(account) <= 1.7 * paid
        assert game.credit(accounts[8]) == 0
        assert holds(played, alice, decider, refunder)

    def test_does_not_pay_for_ways_that_change_nothing(self, played, game, accounts):
        """Before the ones that decide."""
        decider, padder = accounts[5], accounts[7]
        (update,) = updates(played.board, played.honest.claims, now(), WINDOW)
        root, leaf = played.honest.assertion.claim.root, played.honest.claims.leaf(0)
        padding = Update((Lift(leaf, Path(0, leaf.root, ())),) * 50 + update.lifts)
        costs = []
        for account, call in ((decider, update), (padder, padding)):
            with taken_back():
                receipt = played.move(account, call)
                work = game.getWork(root.id)
                assert work.mover == account.address
                costs.append((receipt.gas_used, work.cost))
        assert costs[1][0] > costs[0][0] + 50 * 1_000
        assert costs[1][1] < costs[0][1] + 10_000

    def test_pays_who_shows_a_leaf_to_be_true_though_all_on_its_way_is_paid(self, settled, game, accounts):
        """Someone has had the moves paid by a way to the leaf beside it."""
        claim, refunder = settled.honest.assertion.claim, accounts[7]
        call = settled.honest.assertion.id, astuple(claim.root)
        game.refundTrace(*call, astuple(claim.path(0, settled.leaf ^ 1)), sender=accounts[8])
        receipts = [
            game.refundTrace(*call, astuple(claim.path(0, settled.leaf)), sender=refunder, **FEES) for _ in range(2)
        ]
        assert [len(receipt.decode_logs()) for receipt in receipts] == [1, 0]
        assert paid_for(receipts[0]) <= game.credit(refunder) <= 1.5 * paid_for(receipts[0])

    def test_pays_who_has_moves_paid_no_more_than_them(self, duel, game, accounts):
        """Or moves would be credited one by one, until the pool is empty."""
        duel.play(duel.liar, duel.honest)  # the second bisection of a place is the cheaper one
        pass_time(WINDOW)
        duel.bring_up(duel.honest)
        duel.confirm(duel.honest)
        duel.settle(duel.honest, duel.liar.assertion)
        claim, refunder = duel.honest.assertion.claim, accounts[7]
        call = duel.honest.assertion.id, astuple(claim.root)
        game.refundTrace(*call, astuple(claim.path(2, 1)), sender=accounts[8])
        receipt = game.refundTrace(*call, astuple(claim.path(1, 3)), sender=refunder, **FEES)
        move, fee = [log.amount for log in receipt.decode_logs()]
        assert game.credit(refunder) == fee == move < paid_for(receipt)

    def test_pays_once(self, settled, game, alice):
        settled.refund(settled.honest)
        credit, pool = game.credit(alice), game.pool()
        claim, steps = settled.honest.assertion.claim, settled.step_claim(settled.honest)
        way, below = astuple(claim.path(0, settled.leaf)), astuple(steps.path(0, settled.step))
        game.refundTrace(settled.honest.assertion.id, astuple(claim.root), way, sender=alice)
        game.refundSteps(astuple(steps.root), below, sender=alice)
        assert (game.credit(alice), game.pool()) == (credit, pool)

    def test_never_pays_a_lie(self, settled, game, bob):
        claim, steps = settled.liar.assertion.claim, settled.step_claim(settled.liar)
        way = astuple(claim.path(0, settled.leaf))
        for assertion in (settled.liar.assertion.id, settled.honest.assertion.id):
            with ape.reverts(game.NotConfirmed, id=claim.root.id):
                game.refundTrace(assertion, astuple(claim.root), way, sender=bob)
        with ape.reverts(game.NotConfirmed, id=steps.root.id):
            game.refundSteps(astuple(steps.root), astuple(steps.path(0, settled.step)), sender=bob)
        assert game.credit(bob) == 0

    def test_waits_for_the_confirmation(self, played, game, alice):
        claim = played.honest.assertion.claim
        with ape.reverts(game.NotConfirmed, id=claim.root.id):
            game.refundTrace(played.honest.assertion.id, astuple(claim.root), astuple(claim.path(3, 0)), sender=alice)

    def test_of_level_1_needs_the_leaf_shown_true(self, settled, game, alice):
        claim, steps = settled.honest.assertion.claim, settled.step_claim(settled.honest)
        below = (astuple(steps.root), astuple(steps.path(0, settled.step)))
        with ape.reverts(game.NotConfirmed, id=steps.root.id):
            game.refundSteps(*below, sender=alice)
        partly = astuple(claim.path(1, settled.leaf >> 1))
        game.refundTrace(settled.honest.assertion.id, astuple(claim.root), partly, sender=alice)
        with ape.reverts(game.NotConfirmed, id=steps.root.id):
            game.refundSteps(*below, sender=alice)
        whole = astuple(claim.path(0, settled.leaf))
        game.refundTrace(settled.honest.assertion.id, astuple(claim.root), whole, sender=alice)
        assert game.getRecord(settled.honest.claims.leaf(settled.leaf).id).isTrue
        game.refundSteps(*below, sender=alice)

    def test_of_level_1_waits_for_the_settlement(self, won, game, alice):
        steps = won.step_claim(won.honest)
        with ape.reverts(game.NotConfirmed, id=steps.root.id):
            game.refundSteps(astuple(steps.root), astuple(steps.path(0, won.step)), sender=alice)

    def test_pays_an_opening_that_nobody_answered(self, duel, game, alice):
        duel.to_the_leaf()
        duel.play(duel.honest)
        pass_time(WINDOW)
        duel.bring_up(duel.honest)
        duel.confirm(duel.honest)
        duel.settle(duel.honest, duel.liar.assertion)
        before = game.credit(alice)
        duel.refund(duel.honest)
        moves = [made for made in duel.by(alice) if made.name in ("createAssertion", "bisect", "openSteps")]
        assert game.credit(alice) - before >= sum(made.paid for made in moves)
        assert holds(duel, alice)

    def test_pays_nothing_for_an_assertion_that_nobody_rivals(self, small_world, game, alice, bob):
        small_world.batch()
        assertion = small_world.assertion(small_world.genesis_id, L2State(batches=1), leaves=8)
        small_world.create(assertion, alice)
        pass_time(WINDOW)
        small_world.rollup.confirmAssertion(assertion.id, sender=alice)
        claim = assertion.claim
        receipt = game.refundTrace(assertion.id, astuple(claim.root), astuple(claim.path(3, 0)), sender=alice)
        assert receipt.decode_logs() == []

    def test_is_limited_by_the_pool(self, won, game, alice):
        claim = won.honest.assertion.claim
        with ape.reverts(game.PoolExhausted, available=0):
            game.refundTrace(won.honest.assertion.id, astuple(claim.root), astuple(claim.path(3, 0)), sender=alice)

    def test_needs_the_way(self, settled, game, alice):
        claim = settled.honest.assertion.claim
        wrong = Path(0, claim.tree.node(0, 1), claim.tree.proof(0))
        with ape.reverts(game.WrongPath):
            game.refundTrace(settled.honest.assertion.id, astuple(claim.root), astuple(wrong), sender=alice)


def dues(duel):
    """The honest party's next moves."""
    return next_moves(duel.board, duel.honest.claims)


class TestPrices:
    @pytest.fixture
    def cost(self, duel, game, accounts):
        """What is kept of a bisection's cost, and what was paid, when it is made in this way."""

        def measure(tip=TIP, through=None, padding=b""):
            claim = duel.honest.assertion.claim
            arguments = (astuple(claim.root), *claim.halves(claim.root))
            with taken_back():
                fees = {"max_priority_fee": tip, "max_fee": tip + 100 * TIP}
                if through is None:
                    receipt = game.bisect(*arguments, sender=accounts[2], **fees)
                else:
                    call = bytes(game.bisect.encode_input(*arguments)) + padding
                    receipt = through.forward(game, 0, call, sender=accounts[2], **fees)
                return game.getRecord(claim.edge(2, 1).id).cost * 10**9, paid_for(receipt)

        return measure

    def test_are_what_was_paid_and_hardly_more(self, cost):
        kept, paid = cost()
        assert paid <= kept <= 1.1 * paid

    def test_do_not_reward_tips(self, cost):
        """Twice the base fee at most, and one gwei."""
        assert cost(tip=100 * TIP)[0] < 2 * cost()[0]

    def test_are_no_more_than_a_lost_bond_bears(self, project, accounts, alice, bob):
        poor = World(project, accounts[4], accounts[6], heights=(3, 3), step_bond=10**16)
        duel = Duel(poor, alice, bob)
        claim, cap = duel.honest.assertion.claim, poor.game.priceCap()
        receipt = poor.game.bisect(astuple(claim.root), *claim.halves(claim.root), sender=alice, **FEES)
        kept = poor.game.getRecord(claim.edge(2, 1).id).cost * 10**9
        assert cap < TIP
        assert receipt.gas_used * cap <= kept <= 1.1 * receipt.gas_used * cap

    def test_do_not_reward_useless_calldata(self, cost, caller):
        """A contract's call costs little a byte: whoever pads it must not be paid for it."""
        plain, padded = (cost(through=caller, padding=bytes(length)) for length in (0, 50_000))
        assert padded[0] < plain[0] + 2_000 * TIP


class TestWithdraw:
    def test_pays_what_is_credited_once(self, settled, game, alice, deployer):
        amount, before = game.credit(alice), alice.balance
        assert amount > STEP_BOND
        (log,) = game.withdraw(alice, sender=deployer).decode_logs()
        assert (log.event_name, log.to, log.amount) == ("Withdrawn", alice.address, amount)
        assert (alice.balance, game.credit(alice)) == (before + amount, 0)
        with ape.reverts(game.NothingCredited, to=alice.address):
            game.withdraw(alice, sender=deployer)

    def test_waits_for_a_receiver_that_refuses(self, won, game, project, roots, deployer, small_world, alice):
        refuser = deployer.deploy(project.WithdrawalTarget, small_world.bridge)
        forwarder = deployer.deploy(project.Caller)
        true, false = roots()
        call = game.settleSteps.encode_input(astuple(true), [false.root])
        forwarder.forward(game, 0, call, sender=alice)
        amount = game.credit(forwarder)
        code = refuser.contract_type.runtime_bytecode.bytecode
        place(forwarder.address, bytes.fromhex(code.removeprefix("0x")))
        with ape.reverts(game.TransferFailed):
            game.withdraw(forwarder, sender=alice)
        assert game.credit(forwarder) == amount > 0


class TestPool:
    def test_is_fed_by_the_rollup_alone(self, game, alice):
        with ape.reverts(game.OnlyRollup):
            game.fund(alice, 0, sender=alice, value=1)

    def test_hears_of_confirmations_from_the_rollup_alone(self, duel, game, alice):
        start = duel.honest.assertion.claim.start
        with ape.reverts(game.OnlyRollup):
            game.noteConfirmation(duel.world.genesis_id, start, alice, 0, sender=alice)

    def test_keeps_step_bonds_that_gwei_can_be_kept_of(self, project, deployer, small_world):
        arguments = small_world.rollup, small_world.toy, 3, 3, WINDOW
        deployer.deploy(project.DisputeGame, *arguments, 2**40 * 10**9 - 1)
        with ape.reverts(project.DisputeGame.StepBondTooHigh):
            deployer.deploy(project.DisputeGame, *arguments, 2**40 * 10**9)

    def test_pays_for_bringing_a_lost_bond(self, won, game, small_world, deployer):
        receipt = small_world.rollup.rejectAssertion(won.liar.assertion.id, sender=deployer, **FEES)
        assert paid_for(receipt) <= game.credit(deployer) <= 2 * paid_for(receipt)
        assert game.pool() == BOND - game.credit(deployer)

    def test_and_credits_and_bonds_are_all_that_the_game_holds(self, duel, alice, bob):
        """After every transaction of a game."""
        inner, steps = duel.note, Counter()

        def note(name, receipt):
            noted = inner(name, receipt)
            assert holds(duel, alice, bob), name
            steps[name] += 1
            return noted

        duel.note = note
        duel.play(duel.honest, duel.liar)
        pass_time(WINDOW)
        duel.bring_up(duel.honest)
        duel.confirm(duel.honest)
        duel.settle(duel.honest, duel.liar.assertion)
        duel.refund(duel.honest)
        duel.cash(duel.honest)
        assert steps.keys() >= {"bisect", "openSteps", "prove", "settleSteps", "refundTrace", "refundSteps", "withdraw"}

    def test_has_nothing_for_nobody(self, game, alice):
        with ape.reverts(game.NothingCredited, to=ZERO_ADDRESS):
            game.withdraw(ZERO_ADDRESS, sender=alice)
