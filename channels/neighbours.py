"""Open connections to other nodes, one to each: taken, and made again where they are lost."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

from channels.handshake import meet
from channels.link import Certificate, Link, listen, stay_connected
from channels.peer import NotConnected
from channels.session import Session
from tandem.channels.identity import Identity, NodeUri, address_of_public_key
from tandem.channels.wire import Message
from tandem.errors import ConfigError
from tandem.primitives.types import Address

MOST_STRANGERS = 500
"""Nodes without a channel with us that are connected at once: who has been there longest makes room for the next."""
MOST_GREETINGS = 100
"""Connections at once whose other end is not known yet."""
MOST_FROM_ONE = 20
"""Of these, from one place."""
CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a connection that is asked for."""


class Neighbours:
    """Sessions by the address of who is at the other end. `joined` must not wait.

    `is_partner`: who has a place however many strangers there are.
    """

    def __init__(
        self,
        identity: Identity,
        joined: Callable[[Session], None],
        take: Callable[[Session, Message], Awaitable[None]],
        is_partner: Callable[[Address], bool] = lambda address: False,
    ) -> None:
        self._identity = identity
        self._joined, self._take, self._is_partner = joined, take, is_partner
        self._greeting: Counter[str] = Counter()
        self._sessions: dict[Address, Session] = {}
        self._strangers: list[Session] = []
        """In the order in which they came."""
        self._dialling: dict[bytes, asyncio.Task[None]] = {}
        self._arrivals: dict[Address, asyncio.Event] = {}
        self._log = structlog.get_logger("neighbours")

    async def serve(self, host: str, port: int, certificate: Certificate) -> None:
        """Take connections, for ever. ConfigError where nobody can listen there."""
        try:
            server = await listen(host, port, lambda link: self._greet(link, None), certificate)
        except OSError as reason:
            raise ConfigError(f"{host}:{port} cannot be listened at: {reason}") from reason
        async with server:
            await server.serve_forever()

    def dial(self, uri: NodeUri) -> None:
        """Connect to a node, and again whenever that is lost."""
        if not uri.url or uri.public_key == self._identity.public_key or uri.public_key in self._dialling:
            return
        address = address_of_public_key(uri.public_key)

        async def before() -> None:
            while (session := self._sessions.get(address)) is not None:
                await session.gone.wait()

        talk = stay_connected(uri.url, lambda link: self._greet(link, uri.public_key), before)
        self._dialling[uri.public_key] = asyncio.create_task(talk)

    def session(self, address: Address) -> Session | None:
        """To who has this address, if it is there."""
        return self._sessions.get(address)

    def sessions(self) -> list[Session]:
        """All that are open."""
        return list(self._sessions.values())

    async def reach(self, uri: NodeUri) -> Session:
        """A session with a node. NotConnected where it does not answer."""
        self.dial(uri)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await self.wait(address_of_public_key(uri.public_key))
        except TimeoutError as reason:
            raise NotConnected(f"{uri} does not answer: is it running, and is this where it is?") from reason

    async def wait(self, address: Address, other_than: Session | None = None) -> Session:
        """Until who has this address is there, by another session than that."""
        while (session := self._sessions.get(address)) is None or session is other_than:
            await self._arrivals.setdefault(address, asyncio.Event()).wait()
        return session

    async def close(self) -> None:
        """End all of it."""
        for task in self._dialling.values():
            task.cancel()
        for session in self.sessions():
            await session.close("this node stops")
        await asyncio.gather(*self._dialling.values(), return_exceptions=True)

    async def _greet(self, link: Link, expected: bytes | None) -> None:
        place = link.place
        if expected is None and (self._greeting.total() >= MOST_GREETINGS or self._greeting[place] >= MOST_FROM_ONE):
            return
        self._greeting[place] += 1
        try:
            public_key = await meet(link, self._identity, expected)
        except ConnectionError as reason:
            self._log.info("a connection comes to nothing", reason=str(reason))
            return
        finally:
            self._greeting[place] -= 1
            self._greeting += Counter()  # without those that have none
        session = Session(link, public_key, address_of_public_key(public_key))
        if not await self._admit(session):
            return
        if expected is None and not self._is_partner(session.address):
            await self._make_room(session)
        self._joined(session)
        try:
            await session.run(lambda message: self._take(session, message))
        finally:
            if self._sessions.get(session.address) is session:
                del self._sessions[session.address]

    async def _make_room(self, newest: Session) -> None:
        """For a stranger; who has become a partner meanwhile stays."""
        self._strangers = [
            each for each in self._strangers if not each.gone.is_set() and not self._is_partner(each.address)
        ]
        self._strangers.append(newest)
        if len(self._strangers) > MOST_STRANGERS:
            await self._strangers.pop(0).close("others want to be connected too")

    async def _admit(self, session: Session) -> bool:
        """Of two connections the one stays that the smaller key has made: both sides see it alike."""
        known = self._sessions.get(session.address)
        if known is not None:
            is_ours_smaller = self._identity.public_key < session.public_key
            is_preferred = session.is_server != is_ours_smaller
            if known.is_server != session.is_server and not is_preferred:
                await session.close("there is a connection already")
                return False
            await known.close("there is a newer connection")
        self._sessions[session.address] = session
        arrival = self._arrivals.pop(session.address, None)
        if arrival is not None:
            arrival.set()
        return True
