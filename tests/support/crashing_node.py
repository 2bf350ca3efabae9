"""A channel node that kills itself (SIGKILL) before or after it sends a certain message: everything else is the node.

TANDEM_CRASH=before:Reveal:1 python -m tests.support.crashing_node run ...
"""

import os
import signal

from channels.__main__ import main
from channels.link import Link
from tandem.channels.operations import AddLock, PayLock
from tandem.channels.wire import Message, Proposal


def name_of(message: Message) -> str:
    """A proposal's is that of what it does to locks."""
    if isinstance(message, Proposal):
        kinds = {type(operation) for operation in message.operations} & {AddLock, PayLock}
        return kinds.pop().__name__ if kinds else "Proposal"
    return type(message).__name__


def arm(when: str, name: str, count: int) -> None:
    """Die at the `count`-th message of that name."""
    send = Link.send
    seen = 0

    async def deadly(self: Link, message: Message, /) -> None:
        nonlocal seen
        seen += name_of(message) == name
        is_due = seen == count and name_of(message) == name
        if is_due and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        await send(self, message)
        if is_due:
            os.kill(os.getpid(), signal.SIGKILL)

    Link.send = deadly  # type: ignore[method-assign]


if __name__ == "__main__":
    when, name, count = os.environ["TANDEM_CRASH"].split(":")
    arm(when, name, int(count))
    main()
