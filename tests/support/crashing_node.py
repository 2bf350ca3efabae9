"""A channel node that kills itself (SIGKILL) before or after it sends a certain message: everything else is the node.

TANDEM_CRASH=before:Reveal:1 python -m tests.support.crashing_node run ...
"""

import os
import signal

from channels.__main__ import main
from channels.link import Link
from tandem.channels.operations import AddLock, DropLock, PayLock, PayPart
from tandem.channels.wire import Message, Proposal


def name_of(message: Message) -> str:
    """A proposal's is that of what it does to locks."""
    if isinstance(message, Proposal):
        kinds = {type(operation) for operation in message.operations} & {AddLock, PayLock, DropLock, PayPart}
        return kinds.pop().__name__ if kinds else "Proposal"
    return type(message).__name__


def arm(when: str, name: str, count: int) -> None:
    """Die at the `count`-th message of that name since something has begun; old answers come before."""
    send, receive = Link.send, Link.recv
    seen, has_begun = 0, False

    def note(message: Message) -> None:
        nonlocal has_begun
        has_begun = has_begun or name_of(message) in ("AddLock", "AskMatch", "AskWithdrawal")

    async def deadly(self: Link, message: Message, /) -> None:
        nonlocal seen
        note(message)
        is_it = has_begun and name_of(message) == name
        seen += is_it
        is_due = is_it and seen == count
        if is_due and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await send(self, message)
        if is_due:
            os.kill(os.getpid(), signal.SIGKILL)

    async def listening(self: Link) -> Message:
        message = await receive(self)
        note(message)
        return message

    Link.send, Link.recv = deadly, listening  # type: ignore[method-assign]


if __name__ == "__main__":
    when, name, count = os.environ["TANDEM_CRASH"].split(":")
    arm(when, name, int(count))
    main()
