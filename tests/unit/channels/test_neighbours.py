"""Places for connections, over real TLS: partners have theirs, strangers take turns, nobody greets for ever."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from channels import neighbours
from channels.link import Certificate
from channels.neighbours import Neighbours
from channels.session import Session
from localnet.ports import free_ports
from tandem.channels.identity import Identity, NodeUri
from tandem.channels.wire import Message
from tandem.primitives.hashing import keccak

HOST, PARTNER, *STRANGERS = (Identity(keccak(b"neighbour %d" % number)) for number in range(8))
LIMIT = 10


def trusting() -> ssl.SSLContext:
    """Any certificate will do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def ignore(session: Session, message: Message) -> None:
    """Nothing is said."""


class Place:
    """A node that others connect to."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.host = Neighbours(HOST, lambda _: None, ignore, lambda address: address == PARTNER.address)
        self.guests: list[Neighbours] = []

    async def join(self, who: Identity) -> Session:
        guest = Neighbours(who, lambda _: None, ignore)
        self.guests.append(guest)
        return await guest.reach(NodeUri(HOST.public_key, f"wss://127.0.0.1:{self.port}"))

    def there(self) -> set[bytes]:
        return {session.public_key for session in self.host.sessions()}


async def until_it_listens(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    [port] = free_ports(1)
    found = Place(folder, port)
    serving = asyncio.create_task(found.host.serve("127.0.0.1", port, Certificate(folder)))
    try:
        async with asyncio.timeout(LIMIT):
            await until_it_listens(port)
            yield found
    finally:
        for guest in found.guests:
            await guest.close()
        await found.host.close()
        serving.cancel()


def test_strangers_take_turns_and_a_partner_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_STRANGERS", 2)

    async def play() -> None:
        async with place(tmp_path) as node:
            await node.join(PARTNER)
            first = await node.join(STRANGERS[0])
            await node.join(STRANGERS[1])
            await node.join(STRANGERS[2])
            await first.gone.wait()
            assert PARTNER.public_key in node.there()
            assert STRANGERS[2].public_key in node.there()

    asyncio.run(play())


def test_who_says_nothing_keeps_only_his_own_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_FROM_ONE", 3)

    async def play() -> None:
        async with place(tmp_path) as node:
            url = f"wss://127.0.0.1:{node.port}"
            mute = [await connect(url, ssl=trusting(), proxy=None) for _ in range(4)]
            async with asyncio.timeout(LIMIT):
                await mute[3].wait_closed()
            assert node.host._greeting == {"127.0.0.1": 3}
            for each in mute:
                await each.close()
            while node.host._greeting:
                await asyncio.sleep(0.01)
            await node.join(STRANGERS[0])

    asyncio.run(play())
