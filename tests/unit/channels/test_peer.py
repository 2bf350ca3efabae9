"""What a peer does at the edges: refusals, broken rules, too much at once. Over a connection in memory."""

import asyncio
from pathlib import Path

import pytest

from channels.peer import ChannelBroken, Peer
from channels.store import Journal, Store, write_state
from tandem.channels.endpoint import Proposal
from tandem.channels.operations import AddLock, DropLock, InvalidUpdate, Pay
from tandem.channels.states import Lane, Side
from tandem.channels.wire import Counted, Message, Reestablish, Refused
from tandem.errors import ConfigError
from tandem.primitives.hashing import keccak
from tests.unit.channels.test_endpoint import KEY, SECRETS, START, endpoint, lock, proposal_of, signer

LIMIT = 10


class Wire:
    """One end of a connection in memory."""

    def __init__(self, out: asyncio.Queue[Message | None], into: asyncio.Queue[Message | None]) -> None:
        self._out, self._into = out, into

    async def send(self, message: Message, /) -> None:
        await self._out.put(message)

    async def recv(self) -> Message:
        message = await self._into.get()
        if message is None:
            raise ConnectionError("gone")
        return message


def wires() -> tuple[Wire, Wire]:
    one: asyncio.Queue[Message | None] = asyncio.Queue()
    other: asyncio.Queue[Message | None] = asyncio.Queue()
    return Wire(one, other), Wire(other, one)


def peer(folder: Path, side: Side) -> Peer:
    store = Store(folder / f"{side}.sqlite")
    return Peer(store.load(endpoint(side)), Journal(store).keep, signer(side), clock=lambda: float(START))


def test_payments_go_both_ways_and_what_cannot_be_done_fails_alone(tmp_path: Path) -> None:
    async def run() -> None:
        one, other = peer(tmp_path, 0), peer(tmp_path, 1)
        talks = [asyncio.create_task(each.talk(wire)) for each, wire in zip((one, other), wires(), strict=True)]
        async with asyncio.timeout(LIMIT):
            wishes = [Pay(600), Pay(500), DropLock(keccak(b"none")), Pay(400)]
            results = await asyncio.gather(*map(one.do, wishes), other.do(Pay(50)), return_exceptions=True)
        for talk in talks:
            talk.cancel()
        assert [type(result) for result in results] == [
            type(None),
            InvalidUpdate,
            InvalidUpdate,
            type(None),
            type(None),
        ]
        assert one.endpoint.mine.lane.transferred == other.endpoint.theirs.lane.transferred == 1_000
        assert one.endpoint.theirs.lane.transferred == 50

    asyncio.run(run())


def test_locks_are_paid_for_their_secrets_and_dropped_by_consent(tmp_path: Path) -> None:
    async def run() -> None:
        one, other = peer(tmp_path, 0), peer(tmp_path, 1)
        talks = [asyncio.create_task(each.talk(wire)) for each, wire in zip((one, other), wires(), strict=True)]
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(one.do(AddLock(lock(0, 30))), one.do(AddLock(lock(1, 7))))
            await other.reveal(SECRETS[0])
            await other.give_up(lock(1, 7))
            with pytest.raises(InvalidUpdate, match="no lock with this secret"):
                await other.reveal(SECRETS[2])
            while other.endpoint.theirs.lane.locks:
                await asyncio.sleep(0.01)
        for talk in talks:
            talk.cancel()
        assert other.endpoint.theirs.lane.transferred == 30
        assert (dict(other.endpoint.secrets), other.endpoint.given_up) == ({}, frozenset())

    asyncio.run(run())


def test_a_secret_that_was_told_to_nobody_is_told_after_a_reconnect(tmp_path: Path) -> None:
    async def run() -> None:
        one, other = peer(tmp_path, 0), peer(tmp_path, 1)
        first = wires()
        talks = [asyncio.create_task(each.talk(wire)) for each, wire in zip((one, other), first, strict=True)]
        async with asyncio.timeout(LIMIT):
            await one.do(AddLock(lock(0, 30)))
            talks[0].cancel()
            await other.reveal(SECRETS[0])
            talks[1].cancel()
            talks = [asyncio.create_task(each.talk(wire)) for each, wire in zip((one, other), wires(), strict=True)]
            while other.endpoint.theirs.lane.locks:
                await asyncio.sleep(0.01)
        for talk in talks:
            talk.cancel()
        assert one.endpoint.mine.lane.transferred == 30

    asyncio.run(run())


def test_a_broken_rule_ends_the_conversation_and_keeps_the_state(tmp_path: Path) -> None:
    async def run() -> None:
        honest = peer(tmp_path, 1)
        foe, wire = wires()
        talk = asyncio.create_task(honest.talk(wire))
        waiting = asyncio.create_task(honest.do(Pay(1)))
        await foe.recv()
        await foe.send(proposal_of(Lane(), Pay(2_000)))
        async with asyncio.timeout(LIMIT):
            with pytest.raises(ChannelBroken, match="the other side has 1000"):
                await talk
            with pytest.raises(ChannelBroken):
                await waiting
            with pytest.raises(ChannelBroken):
                await honest.do(Pay(1))
            with pytest.raises(ChannelBroken):
                await honest.talk(wire)
        assert honest.endpoint.theirs.lane == Lane()

    asyncio.run(run())


def test_a_refusal_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        honest = peer(tmp_path, 0)
        foe, wire = wires()
        talk = asyncio.create_task(honest.talk(wire))
        await foe.send(Refused(KEY.id, 1, "I do not like it"))
        async with asyncio.timeout(LIMIT):
            with pytest.raises(ChannelBroken, match="I do not like it"):
                await talk

    asyncio.run(run())


def test_a_refusal_right_behind_an_answer_leaves_nobody_waiting(tmp_path: Path) -> None:
    async def run() -> None:
        honest = peer(tmp_path, 0)
        foe, wire = wires()
        talk = asyncio.create_task(honest.talk(wire))
        waiting = asyncio.create_task(honest.do(Pay(1)))
        async with asyncio.timeout(LIMIT):
            await foe.recv()
            await foe.send(Reestablish(KEY.id, 0, 0, 1_000))
            assert await foe.recv() == Counted(KEY.id, 1_000)
            proposal = await foe.recv()
            assert isinstance(proposal, Proposal)
            _, ack = endpoint(1).take(proposal, signer(1), START)
            await foe.send(ack)
            await foe.send(Refused(KEY.id, 1, "and yet"))
            with pytest.raises(ChannelBroken, match="and yet"):
                await talk
            await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(run())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"something else entirely, but long enough" * 100)
    with pytest.raises(ConfigError, match="no channel database"):
        Store(path)


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "later"
    with Store(path) as store:
        store.commit([write_state(endpoint(0))])
        assert (store.load(endpoint(0)), store.channels()) == (endpoint(0), {KEY.id: 31337})
        store._db.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="version 99"):
        Store(path)
