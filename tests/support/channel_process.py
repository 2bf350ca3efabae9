"""One side of a channel as a process: pays one unit after the other, so many in flight, and tells how many are signed.

python -m tests.support.channel_process --side 0 --port 9000 --data FOLDER --in-flight 8
"""

import argparse
import asyncio
import signal
from pathlib import Path

from channels.link import Certificate, listen, stay_connected
from channels.peer import Peer
from channels.store import Journal, Store
from tandem.channels.endpoint import Endpoint, Terms
from tandem.channels.operations import Pay
from tandem.channels.settlement import Funds
from tandem.channels.signing import SigningDomain, sign_digest
from tandem.channels.states import ChannelKey, Side
from tandem.primitives.hashing import keccak
from tandem.primitives.secp256k1 import address_of
from tandem.primitives.types import ZERO_ADDRESS, Address, Seconds

KEYS = tuple(keccak(b"process %d" % number) for number in range(2))
KEY = ChannelKey(address_of(KEYS[0]), address_of(KEYS[1]), ZERO_ADDRESS, Seconds(86_400), keccak(b"processes"))
DOMAIN = SigningDomain(31337, Address(b"\x22" * 20))
TERMS = Terms(Seconds(600), Seconds(40_000), Seconds(900))
DEPOSIT = 10**18


def blank(side: Side) -> Endpoint:
    return Endpoint(KEY, side, DOMAIN, TERMS, Funds((DEPOSIT, DEPOSIT)))


async def pay(peer: Peer, signed: list[int]) -> None:
    """For ever."""
    while True:
        await peer.do(Pay(1))
        signed[0] += 1


async def tell(signed: list[int]) -> None:
    """What is signed by now, ever again."""
    while True:
        await asyncio.sleep(0.02)
        print(signed[0], flush=True)


async def run(side: Side, port: int, folder: Path, in_flight: int) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with Store(folder / f"side{side}.sqlite") as store:
        peer = Peer(store.load(blank(side)), Journal(store).keep, lambda digest: sign_digest(digest, KEYS[side]))
        signed = [0]
        tasks = [asyncio.create_task(pay(peer, signed)) for _ in range(in_flight)]
        tasks.append(asyncio.create_task(tell(signed)))
        if side == 0:
            tasks.append(asyncio.create_task(stay_connected(f"wss://127.0.0.1:{port}", peer.talk)))
            await stopping.wait()
        else:
            async with await listen("127.0.0.1", port, peer.talk, Certificate(folder)):
                await stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, choices=(0, 1), required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--in-flight", type=int, default=1)
    options = parser.parse_args()
    asyncio.run(run(options.side, options.port, options.data, options.in_flight))


if __name__ == "__main__":
    main()
