"""What two nodes say before a channel is opened on chain: one asks, the other welcomes it or tells why not."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from channels.chain import Chain
from channels.channel import Channel
from channels.peer import NotConnected, NotGranted
from channels.session import Session
from tandem.channels.states import ChannelKey
from tandem.channels.wire import AskOpen, Declined, Welcome
from tandem.primitives.types import Address, Hash, Seconds

ANSWER_TIME = 15.0
"""Seconds that the other side has to answer."""
MOST_WINDOW = Seconds(90 * 86_400)
MOST_CHANNELS = 10_000


class Opening:
    """`chains` by id and `channels` by name are the node's."""

    def __init__(self, address: Address, chains: Mapping[int, Chain], channels: Mapping[Hash, Channel]) -> None:
        self._address = address
        self._chains = chains
        self._channels = channels
        self._asked: dict[Hash, asyncio.Future[None]] = {}
        """Channels that we want to open, until the other side answers."""

    async def agree(self, session: Session, chain: Chain, token: Address, window: Seconds, amount: int) -> ChannelKey:
        """The terms of a new channel that the other side will use. NotConnected, NotGranted."""
        key = ChannelKey(self._address, session.address, token, window, Hash(os.urandom(32)))
        asked: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[key.id] = asked
        try:
            await session.send(AskOpen(key.id, chain.id, token, window, key.salt, amount))
            async with asyncio.timeout(ANSWER_TIME):
                await asked
        except TimeoutError as reason:
            raise NotConnected("the other side does not answer: try again later") from reason
        except ConnectionError as reason:
            raise NotConnected("the connection was lost: try again") from reason
        finally:
            del self._asked[key.id]
        return key

    def is_asked(self, channel: Hash) -> bool:
        """Whether the other side has still to answer."""
        return channel in self._asked

    def answer(self, session: Session, ask: AskOpen) -> Welcome | Declined:
        """What another node wants to open."""
        reason = self._why_not(session, ask)
        return Welcome(ask.channel) if reason is None else Declined(ask.channel, reason)

    def take(self, answer: Welcome | Declined) -> None:
        """What has been asked for."""
        asked = self._asked.get(answer.channel)
        if asked is None or asked.done():
            return
        if isinstance(answer, Welcome):
            asked.set_result(None)
        else:
            asked.set_exception(NotGranted(f"the other side refuses the channel: {answer.reason}"))

    def _why_not(self, session: Session, ask: AskOpen) -> str | None:
        chain = self._chains.get(ask.chain_id)
        if chain is None:
            return f"this node has no chain {ask.chain_id}"
        key = ChannelKey(session.address, self._address, ask.token, ask.window, ask.salt)
        if key.id != ask.channel:
            return "the channel's name is another"
        if not chain.timing.least_window <= ask.window <= MOST_WINDOW:
            return f"the window must be {chain.timing.least_window} to {MOST_WINDOW} s"
        if len(self._channels) >= MOST_CHANNELS:
            return "this node has too many channels"
        return None
