"""Ports for local networks."""

import random
import socket

FIRST, LAST = 10_000, 32_000
"""Below those that systems give to outgoing connections: a port stays free between its choice and its use, and while a
process that is killed is started again."""
TRIES = 1_000


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now. RuntimeError where there are none."""
    found: set[int] = set()
    for _ in range(TRIES):
        if len(found) == count:
            break
        port = random.randint(FIRST, LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.add(port)
    else:
        raise RuntimeError(f"no {count} free ports between {FIRST} and {LAST}: stop other networks")
    return list(found)
