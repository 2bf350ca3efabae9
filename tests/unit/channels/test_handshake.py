"""Who is at the other end of a connection, over real TLS: identities, and somebody in the middle."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from channels.handshake import meet
from channels.link import Certificate, Link, listen, stay_connected
from localnet.ports import free_ports
from tandem.channels.identity import Identity
from tandem.channels.wire import Greeting, News, Proof
from tandem.primitives.hashing import keccak

ALICE, BOB, MALLORY = (Identity(keccak(name)) for name in (b"alice", b"bob", b"mallory"))
LIMIT = 10
Talk = Callable[[Link], Awaitable[None]]


async def over(folder: Path, server: Talk, client: Talk) -> None:
    """A server and a client, until the client's part is over."""
    [port] = free_ports(1)
    done = asyncio.Event()

    async def talk(link: Link) -> None:
        try:
            await client(link)
        finally:
            done.set()

    async with await listen("127.0.0.1", port, server, Certificate(folder)):
        task = asyncio.create_task(stay_connected(f"wss://127.0.0.1:{port}", talk))
        async with asyncio.timeout(LIMIT):
            await done.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_it_ends(link: Link) -> None:
    """Listen, and say nothing."""
    try:
        while True:
            await link.recv()
    except ConnectionError:
        return


def test_both_learn_who_the_other_is(tmp_path: Path) -> None:
    met: list[bytes] = []

    async def server(link: Link) -> None:
        met.append(await meet(link, BOB, None))
        await link.send(News((b"hello",)))

    async def client(link: Link) -> None:
        met.append(await meet(link, ALICE, BOB.public_key))
        assert await link.recv() == News((b"hello",))

    asyncio.run(over(tmp_path, server, client))
    assert sorted(met) == sorted([ALICE.public_key, BOB.public_key])


@pytest.mark.parametrize(
    ("who", "expected", "reason"),
    [
        (BOB, MALLORY.public_key, "it is .*, not"),
        (ALICE, None, "this node itself"),
    ],
)
def test_whom_it_does_not_want_it_does_not_talk_to(
    tmp_path: Path, who: Identity, expected: bytes | None, reason: str
) -> None:
    said: list[str] = []

    async def server(link: Link) -> None:
        try:
            await meet(link, who, None)
        except ConnectionError:
            return

    async def client(link: Link) -> None:
        try:
            await meet(link, ALICE, expected)
        except ConnectionError as refusal:
            said.append(str(refusal))

    asyncio.run(over(tmp_path, server, client))
    [text] = said
    with pytest.raises(ConnectionError, match=reason):
        raise ConnectionError(text)


def test_who_has_another_key_than_it_says_is_found_out(tmp_path: Path) -> None:
    said: list[str] = []

    async def server(link: Link) -> None:
        """Says that it is bob, signs with mallory's key."""
        await link.send(Greeting(1, BOB.public_key, keccak(b"nonce")))
        await link.recv()
        await link.send(Proof(MALLORY.sign(keccak(b"anything"))))
        await until_it_ends(link)

    async def client(link: Link) -> None:
        try:
            await meet(link, ALICE, BOB.public_key)
        except ConnectionError as refusal:
            said.append(str(refusal))

    asyncio.run(over(tmp_path, server, client))
    assert "not who it says" in said[0]


def test_a_relay_between_two_honest_nodes_is_found_out(tmp_path: Path) -> None:
    """Mallory hands on every message of both sides, over two connections of her own: her certificate is another one."""
    said: list[str] = []
    [port] = free_ports(1)

    async def bob(link: Link) -> None:
        try:
            await meet(link, BOB, None)
        except ConnectionError as refusal:
            said.append(str(refusal))

    async def relay(link: Link) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with connect(f"wss://127.0.0.1:{port}", ssl=context, proxy=None) as socket:
            onward = Link(socket, link.certificate, is_server=False)

            async def pump(source: Link, target: Link) -> None:
                try:
                    while True:
                        await target.send(await source.recv())
                except ConnectionError:
                    return

            await asyncio.gather(pump(link, onward), pump(onward, link))

    async def client(link: Link) -> None:
        try:
            await meet(link, ALICE, BOB.public_key)
        except ConnectionError as refusal:
            said.append(str(refusal))
        await link.close("over")

    async def run() -> None:
        async with await listen("127.0.0.1", port, bob, Certificate(tmp_path / "bob")):
            await over(tmp_path / "mallory", relay, client)

    asyncio.run(run())
    assert said and all("not who it says" in text for text in said)


def test_who_says_nothing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.handshake.TIMEOUT", 0.3)
    said: list[str] = []

    async def server(link: Link) -> None:
        await until_it_ends(link)

    async def client(link: Link) -> None:
        try:
            await meet(link, ALICE, None)
        except ConnectionError as refusal:
            said.append(str(refusal))

    asyncio.run(over(tmp_path, server, client))
    assert said == ["the other side does not introduce itself"]


def test_bytes_that_are_no_message_end_the_connection(tmp_path: Path) -> None:
    said: list[str] = []

    async def server(link: Link) -> None:
        try:
            await link.recv()
        except ConnectionError as refusal:
            said.append(str(refusal))

    async def client(link: Link) -> None:
        await link._socket.send(b"garbage")
        await asyncio.sleep(0.3)

    asyncio.run(over(tmp_path, server, client))
    assert "no message" in said[0]
