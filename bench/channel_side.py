"""One side of a channel as a process, for bench.channels: side 1 answers, side 0 pays for some seconds and tells how.

python -m bench.channel_side --side 0 --port 9000 --data FOLDER --in-flight 64 --seconds 5
"""

import asyncio
import json
import time
from pathlib import Path

import click

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

KEYS = tuple(keccak(b"bench %d" % number) for number in range(2))
KEY = ChannelKey(address_of(KEYS[0]), address_of(KEYS[1]), ZERO_ADDRESS, Seconds(86_400), keccak(b"bench"))
DOMAIN = SigningDomain(31337, Address(b"\x22" * 20))
TERMS = Terms(Seconds(600), Seconds(40_000), Seconds(900))


@click.command()
@click.option("--side", type=click.IntRange(0, 1), required=True)
@click.option("--port", type=int, required=True)
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--in-flight", type=int, default=1)
@click.option("--seconds", type=float, default=5.0)
def main(side: Side, port: int, data: Path, in_flight: int, seconds: float) -> None:
    """Side 1 runs until it is killed."""
    endpoint = Endpoint(KEY, side, DOMAIN, TERMS, Funds((10**18, 10**18)))
    with Store(data / f"{side}.sqlite") as store:
        if side == 1:
            asyncio.run(_answer(_peer(endpoint, store), port, Certificate(data)))
        else:
            print(json.dumps(asyncio.run(_pay(_peer(endpoint, store), port, in_flight, seconds))))


def _peer(endpoint: Endpoint, store: Store) -> Peer:
    return Peer(store.load(endpoint), Journal(store).keep, lambda digest: sign_digest(digest, KEYS[endpoint.side]))


async def _answer(peer: Peer, port: int, certificate: Certificate) -> None:
    async with await listen("127.0.0.1", port, peer.talk, certificate) as server:
        await server.serve_forever()


async def _pay(peer: Peer, port: int, in_flight: int, seconds: float) -> dict[str, float]:
    """Payments a second, and how long they took, milliseconds."""
    connected = asyncio.create_task(stay_connected(f"wss://127.0.0.1:{port}", peer.talk))
    await peer.do(Pay(1))
    took: list[float] = []
    begin = time.perf_counter()

    async def pay() -> None:
        while (start := time.perf_counter()) - begin < seconds:
            await peer.do(Pay(1))
            took.append(time.perf_counter() - start)

    await asyncio.gather(*(pay() for _ in range(in_flight)))
    spent = time.perf_counter() - begin
    connected.cancel()
    took.sort()
    return {
        "rate": len(took) / spent,
        "median": 1_000 * took[len(took) // 2],
        "p99": 1_000 * took[len(took) * 99 // 100],
    }


if __name__ == "__main__":
    main()
