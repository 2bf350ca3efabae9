"""A hop between others that do as they like: whatever they send, what goes out comes in."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from channels.chain import Chain
from channels.channel import Channel
from channels.peer import Peer
from channels.switch import Switch
from tandem.channels.endpoint import Ack, Endpoint, Proposal
from tandem.channels.hops import Failure, Final, Forward, new_session_key, read_report, wrap
from tandem.channels.identity import Identity
from tandem.channels.ledger import Ledger, SecretRevealed
from tandem.channels.onion import open_failure
from tandem.channels.operations import AddLock, DropLock, Operation, PayLock, apply
from tandem.channels.routing import EdgeTerms
from tandem.channels.settlement import Funds, secret_hash
from tandem.channels.signing import SigningDomain
from tandem.channels.states import ChannelKey, Lane, Lock, LockKind
from tandem.channels.timing import Timing
from tandem.channels.wire import GiveUp, Message, Reestablish, Refused, Reveal
from tandem.primitives.hashing import keccak
from tandem.primitives.types import ZERO_ADDRESS, Address, Hash, Seconds

HOP, PAYER, PAYEE, OTHER = (Identity(keccak(b"switch %d" % number)) for number in range(4))
DOMAIN = SigningDomain(31337, Address(b"\x11" * 20))
TIMING = Timing()
WINDOW = Seconds(86_400)
START = 1_000_000
SECRET = keccak(b"the secret")
REF = secret_hash(SECRET)
AMOUNT = 1_000
FEE = 7
EXPIRY = Seconds(START + 4 * 3_600)
"""Of the lock that goes out."""
LIMIT = 10


@dataclass(eq=False)
class Clock:
    """A chain as the switch sees it: what it knows, and what time it is."""

    id: int = 31337
    timing: Timing = TIMING
    latest: Ledger = field(default_factory=Ledger)
    certain_time: Seconds = Seconds(START)
    time: int = START

    def now(self) -> Seconds:
        return Seconds(self.time)

    def pass_by(self, time: int) -> None:
        """It is later, and the chain is read up to there."""
        self.time, self.certain_time = time, Seconds(time)

    def reveal(self, at: int) -> None:
        """The secret is on chain."""
        self.latest.apply(SecretRevealed(SECRET, REF, Seconds(at)))


class Nobody:
    """No invoices, and payments only as the test says."""

    def __init__(self) -> None:
        self.own: set[tuple[Hash, Hash]] = set()
        self.paid: list[Hash] = []
        self.failures: list[bytes] = []
        self.notes: list[tuple[str, dict[str, Any]]] = []

    async def accept(self, channel: Channel, lock: Lock, final: Final) -> bytes | Failure | None:
        return Failure.UNKNOWN_PAYMENT

    def accepted(self, ref: Hash) -> bytes | None:
        return None

    async def settled(self, channel: Hash, lock: Lock, now: Seconds) -> None:
        pass

    def dropped(self, channel: Hash, ref: Hash) -> None:
        pass

    def has(self, ref: Hash, channel: Hash) -> bool:
        return (ref, channel) in self.own

    async def succeeded(self, ref: Hash, secret: bytes) -> None:
        self.paid.append(ref)

    async def failed(self, ref: Hash, reason: bytes) -> None:
        self.failures.append(reason)

    def claimed(self, ref: Hash, amount: int) -> None:
        pass

    def note(self, kind: str, **fields: Any) -> None:
        self.notes.append((kind, fields))


class World:
    """A hop with its channels."""

    def __init__(self) -> None:
        self.clock, self.others, self.channels = Clock(), Nobody(), dict[Hash, Channel]()
        terms = EdgeTerms(FEE, 0, TIMING.hop_delta, 1, 2**128 - 1)
        self.switch = Switch(HOP, self.channels, lambda _: terms, *[self.others] * 4)

    def meet(self, who: Identity, deposits: tuple[int, int] = (10_000, 10_000)) -> "Foe":
        """A channel with somebody, who is side 0."""
        key = ChannelKey(who.address, HOP.address, ZERO_ADDRESS, WINDOW, keccak(who.public_key))
        terms = TIMING.terms(WINDOW)
        side = Endpoint(key, 1, DOMAIN, terms, Funds(deposits))

        async def keep(_: Endpoint) -> None:
            await asyncio.sleep(0)

        peer = Peer(side, keep, HOP.sign, self.switch, lambda: float(self.clock.time))
        channel = Channel(key, cast(Chain, self.clock), peer)
        self.channels[key.id] = channel
        return Foe(self, who, channel, Endpoint(key, 0, DOMAIN, terms, Funds(deposits)))

    @property
    def worth(self) -> int:
        """What the hop gets in the end at least."""
        return sum(channel.side.guaranteed for channel in self.channels.values())


class Foe:
    """The other side of a channel: signs what it is sent, and sends what the test says."""

    def __init__(self, world: World, who: Identity, channel: Channel, side: Endpoint) -> None:
        self.world, self.who, self.channel, self.side = world, who, channel, side
        self.heard: list[Message] = []
        self._out: asyncio.Queue[Message] = asyncio.Queue()
        self._in: asyncio.Queue[Message] = asyncio.Queue()

    async def send(self, message: Message, /) -> None:
        """The hop speaks (channels.peer.Connection)."""
        await self._in.put(message)

    async def recv(self) -> Message:
        """The hop listens."""
        return await self._out.get()

    async def connect(self) -> None:
        self.task = asyncio.create_task(self.channel.peer.talk(self))
        side = self.side
        hello = Reestablish(side.key.id, side.proposed.nonce, side.theirs.lane.nonce, side.funds.deposits[1])
        await self.say(hello)

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def say(self, message: Message) -> None:
        await self._out.put(message)
        await self.listen()

    async def propose(self, *operations: Operation) -> None:
        self.side, proposal = self.side.propose(operations, self.who.sign)
        await self.say(proposal)

    async def listen(self) -> None:
        """Until the hop has nothing more to say."""
        while True:
            try:
                async with asyncio.timeout(0.05):
                    message = await self._in.get()
            except TimeoutError:
                return
            self.heard.append(message)
            if isinstance(message, Proposal):
                self.side, ack = self.side.take(message, self.who.sign, self.world.clock.now())
                await self._out.put(ack)
            elif isinstance(message, Ack):
                self.side = self.side.take_ack(message)

    def last(self, kind: type) -> Any:
        """The newest message of a kind, None where there is none."""
        return next((message for message in reversed(self.heard) if isinstance(message, kind)), None)


def onward(foe: Foe, amount: int = AMOUNT, expiry: int = EXPIRY) -> tuple[AddLock, list[bytes]]:
    """A lock for the hop, to be handed on to someone; and what its hops share with the payer."""
    final = Final(amount, Seconds(expiry), keccak(b"payment secret"))
    hops = [(HOP.public_key, Forward(31337, foe.channel.id, amount, Seconds(expiry))), (foe.who.public_key, final)]
    packet, shared = wrap(hops, REF, new_session_key())
    incoming = Lock(amount + FEE, Seconds(expiry + TIMING.hop_delta), LockKind.HASH, REF)
    return AddLock(incoming, packet), shared


def play(scene: Callable[[World, Foe, Foe], Awaitable[None]]) -> World:
    """A payer before the hop, a payee behind it."""

    async def run() -> World:
        world = World()
        payer, payee = world.meet(PAYER), world.meet(PAYEE)
        async with asyncio.timeout(LIMIT):
            await payer.connect()
            await payee.connect()
            await scene(world, payer, payee)
        await world.switch.stop()
        for foe in (payer, payee):
            await foe.leave()
        return world

    return asyncio.run(run())


def test_a_payment_is_handed_on_and_claimed_before_it_is_paid() -> None:
    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        before = world.worth
        await payer.propose(onward(payee)[0])
        await payee.listen()
        assert [lock.amount for lock in payee.side.theirs.lane.locks] == [AMOUNT]
        await payee.say(Reveal(payee.channel.id, SECRET))
        await payer.listen()
        assert payer.last(Reveal) == Reveal(payer.channel.id, SECRET)
        assert payee.side.theirs.lane.transferred == AMOUNT
        assert world.worth == before + FEE, "the payer has not paid yet, but cannot take it back"
        assert [kind for kind, _ in world.others.notes] == ["forwarded"]

    play(scene)


def test_a_payer_that_takes_the_lock_back_in_the_same_breath_is_refused() -> None:
    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        await payer.say(Proposal(payer.channel.id, 1, (onward(payee)[0], DropLock(REF)), bytes(65)))
        await payee.listen()
        assert "dealt with twice" in payer.last(Refused).reason
        assert payee.side.theirs.lane.locks == ()

    play(scene)


def test_the_payer_is_told_when_the_drop_behind_is_signed_not_before() -> None:
    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        added, shared = onward(payee)
        await payer.propose(added)
        await payee.listen()
        payee.side = payee.side.give_up(payee.side.theirs.lane.locks[0])
        await payee._out.put(GiveUp(payee.channel.id, REF, b""))
        await asyncio.sleep(0.1)  # the drop is proposed; the payee does not answer yet
        await payer.listen()
        assert payer.last(GiveUp) is None
        await payee.listen()
        await payer.listen()
        given_up = payer.last(GiveUp)
        at, message = open_failure(shared, given_up.reason)
        assert (at, read_report(message).failure) == (0, Failure.NO_MORE_TIME)

    play(scene)


@pytest.mark.parametrize(
    ("amount", "expiry", "delta", "failure"),
    [
        (AMOUNT + 1, EXPIRY, 0, Failure.FEE_TOO_SMALL),
        (AMOUNT, EXPIRY, 1, Failure.EXPIRY_TOO_SOON),
        (AMOUNT, START + 60, 0, Failure.EXPIRY_TOO_SOON),
        (20_000, EXPIRY, 0, Failure.FEE_TOO_SMALL),
    ],
)
def test_what_does_not_pay_for_itself_is_not_handed_on(amount: int, expiry: int, delta: int, failure: Failure) -> None:
    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        final = Final(amount, Seconds(expiry), keccak(b"payment secret"))
        forward = Forward(31337, payee.channel.id, amount, Seconds(expiry + delta))
        packet, shared = wrap([(HOP.public_key, forward), (PAYEE.public_key, final)], REF, new_session_key())
        lock = Lock(AMOUNT + FEE, Seconds(expiry + TIMING.hop_delta), LockKind.HASH, REF)
        await payer.propose(AddLock(lock, packet))
        await payer.listen()
        at, message = open_failure(shared, payer.last(GiveUp).reason)
        assert (at, read_report(message).failure) == (0, failure)
        assert payee.side.theirs.lane.locks == ()

    play(scene)


def test_a_dead_lock_on_one_channel_gives_up_no_live_one_on_another() -> None:
    """While it stands, nothing else goes out with its reference."""

    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        other = world.meet(OTHER)
        await other.connect()
        await payer.propose(onward(other)[0])
        await other.listen()
        await other.leave()
        later = EXPIRY + 3_600
        world.clock.pass_by(later)
        world.switch.tick(other.channel)
        await payer.listen()
        await payer.propose(DropLock(REF))
        await payer.propose(onward(payee, expiry=later + 4 * 3_600)[0])
        await payee.listen()
        await payer.listen()
        assert payee.side.theirs.lane.locks == (), "it was not handed on"
        assert payer.channel.side.given_up == {REF}

    play(scene)


def test_one_reference_goes_out_once_however_many_ask_for_it() -> None:
    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        other = world.meet(OTHER)
        await other.connect()
        await payer.propose(onward(payee)[0])
        await other.propose(onward(payee)[0])
        await payee.listen()
        assert len(payee.side.theirs.lane.locks) == 1
        assert not world.switch.reserve(REF), "nor for a payment of our own"
        await payee.say(Reveal(payee.channel.id, SECRET))
        await payer.listen()
        assert payer.last(Reveal) is not None
        assert payee.side.theirs.lane.transferred == AMOUNT

    play(scene)


def test_a_secret_opens_everything_that_it_opens_for_us() -> None:
    """Also where we took the payment for one of our own."""

    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        await payer.propose(onward(payee)[0])
        await payee.listen()
        world.others.own.add((REF, payee.channel.id))
        await payee.say(Reveal(payee.channel.id, SECRET))
        await payer.listen()
        assert world.others.paid == [REF]
        assert REF in payer.channel.side.secrets

    play(scene)


def test_a_secret_on_chain_is_as_good_as_shown() -> None:
    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        await payer.propose(onward(payee)[0])
        await payee.listen()
        await payee.leave()
        world.clock.reveal(EXPIRY)
        world.clock.pass_by(EXPIRY + 9_999)
        for channel in world.channels.values():
            world.switch.tick(channel)
        await payer.listen()
        assert payer.last(Reveal) is not None
        assert not payer.channel.side.given_up

    play(scene)


def test_a_lock_is_dead_when_the_chain_has_gone_by_not_when_our_clock_says_so() -> None:
    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        await payer.propose(onward(payee)[0])
        await payee.listen()
        world.clock.time = EXPIRY + 99_999  # the chain was not read since
        world.switch.tick(payee.channel)
        await payer.listen()
        assert payer.last(GiveUp) is None
        world.clock.certain_time = Seconds(EXPIRY + 1)
        world.switch.tick(payee.channel)
        await payer.listen()
        assert payer.last(GiveUp) is not None

    play(scene)


@pytest.mark.parametrize("was_handed_on", [False, True])
@pytest.mark.parametrize("is_on_chain", [False, True])
def test_after_a_start_what_is_on_no_lane_of_ours_is_given_up(was_handed_on: bool, is_on_chain: bool) -> None:
    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        await payee.leave()
        await payer.propose(onward(payee)[0] if was_handed_on else AddLock(onward(payee)[0].lock, b""))
        payer.heard.clear()
        if was_handed_on:
            side, _ = payee.channel.side.propose((AddLock(Lock(AMOUNT, EXPIRY, LockKind.HASH, REF), b""),), HOP.sign)
            payee.channel.peer.endpoint = side
        channel = payer.channel
        channel.peer.endpoint = Endpoint(
            channel.key, 1, DOMAIN, channel.side.terms, channel.side.funds, theirs=channel.side.theirs
        )
        if is_on_chain:
            world.clock.reveal(START + 5)
        again = Switch(HOP, world.channels, lambda _: EdgeTerms(0, 0, Seconds(0), 1, 1), *[world.others] * 4)
        again.recover()
        await payer.listen()
        assert (payer.last(Reveal) is not None) == is_on_chain
        assert (REF in channel.side.given_up) == (not is_on_chain and not was_handed_on)
        await again.stop()

    play(scene)


def test_a_lock_that_was_not_paid_in_time_is_let_go() -> None:
    """Else the other side could never drop it."""

    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        await payer.propose(onward(payee)[0])
        await payee.listen()
        await payee.say(Reveal(payee.channel.id, SECRET))
        await payer.listen()
        world.clock.pass_by(EXPIRY + TIMING.hop_delta + 9_999)
        world.switch.tick(payer.channel)
        await payer.listen()
        await payer.propose(DropLock(REF))
        assert payer.channel.peer.trouble is None
        assert payer.channel.side.theirs.lane.locks == ()

    play(scene)


def test_pay_lock_needs_no_room() -> None:
    """Less may be counted for a moment than was locked before."""

    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        await payer.propose(onward(payee)[0])
        await payee.listen()
        await payee.say(Reveal(payee.channel.id, SECRET))
        await payer.listen()
        payer.channel.peer.endpoint = payer.channel.side.informed(Funds((0, 0)), Seconds(START))
        await payer.propose(PayLock(REF))
        assert payer.channel.peer.trouble is None
        assert payer.channel.side.theirs.lane.transferred == AMOUNT + FEE

    play(scene)


def test_the_end_of_one_lock_gives_up_no_other_with_its_reference() -> None:
    """Payer and payee are one: while a small lock's drop waits for its answer, a large one takes its place."""

    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        before = world.worth
        await payer.propose(onward(payee, amount=1)[0])
        await payee.listen()
        payee.side = payee.side.give_up(payee.side.theirs.lane.locks[0])
        await payee._out.put(GiveUp(payee.channel.id, REF, b""))
        await asyncio.sleep(0.05)  # the drop is proposed, and not answered
        await payer.propose(PayLock(REF))
        await payer.propose(onward(payee, amount=AMOUNT)[0])
        for foe in (payee, payee, payer):
            await foe.listen()
        assert payee.side.theirs.lane.locks == (), "a reference goes out when the end of the last one is told"
        assert REF in payer.channel.side.given_up
        await payer.propose(DropLock(REF))
        await payer.listen()
        await payee.say(Reveal(payee.channel.id, SECRET))
        await payee.listen()
        assert world.worth >= before
        assert world.switch._handed == {}

    play(scene)


@pytest.mark.parametrize("kind", [LockKind.HASH, LockKind.VOUCHER])
def test_a_lock_that_says_nothing_does_not_have_the_next_one_given_up(kind: LockKind) -> None:
    """The hop gives the first one up while it writes, and the payer has paid it and put another in its place."""

    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        async def keep(_: Endpoint) -> None:
            await asyncio.sleep(0.005)

        payer.channel.peer._keep = keep
        before, states = world.worth, [Lane()]
        bait = AddLock(Lock(1, EXPIRY, kind, REF))
        for operation in (bait, PayLock(REF), onward(payee)[0]):
            states.append(apply(states[-1], (operation,)))
            digest = DOMAIN.lane(payer.channel.id, PAYER.address, states[-1])
            await payer._out.put(Proposal(payer.channel.id, states[-1].nonce, (operation,), PAYER.sign(digest)))
            if operation is bait:
                await asyncio.sleep(0.002)
        await asyncio.sleep(0.1)
        await payee.listen()
        assert [lock.amount for lock in payee.side.theirs.lane.locks] == [AMOUNT]
        assert REF not in payer.channel.side.given_up
        await payee.say(Reveal(payee.channel.id, SECRET))
        await payee.listen()
        assert world.worth >= before + FEE

    play(scene)


def test_what_was_given_up_is_not_handed_on() -> None:
    async def scene(world: World, payer: Foe, payee: Foe) -> None:
        added = onward(payee)[0]
        await payer.propose(added)
        await payee.listen()
        await payer.channel.peer.give_up(added.lock)
        payee.side = payee.side.give_up(payee.side.theirs.lane.locks[0])
        await payee.say(GiveUp(payee.channel.id, REF, b""))
        assert payee.side.theirs.lane.locks == ()
        await world.switch._take(payer.channel, added)
        await payee.listen()
        assert payee.side.theirs.lane.locks == ()

    play(scene)
