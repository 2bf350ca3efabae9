"""The client that drives both chains: signed beforehand, 100 requests per HTTP call, one kept-alive connection."""

import http.client
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

import orjson

from tandem.primitives.types import Address, Gas, Wei
from tandem.transactions.codec import UnsignedTransaction
from tandem.transactions.transaction import DYNAMIC_FEE

CALLS_PER_REQUEST = 100
POLL = 0.02
TIMEOUT = 300.0


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a number of transactions went."""

    transactions: int
    accepted_seconds: float
    """From the first request to the last answer."""
    included_seconds: float
    """From the first request until all are in blocks."""

    @property
    def per_second(self) -> float:
        """Transactions a second, send to included."""
        return self.transactions / self.included_seconds


class Client:
    """JSON-RPC over one connection."""

    def __init__(self, url: str) -> None:
        parts = urlparse(url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def call(self, method: str, *params: Any) -> Any:
        """One request."""
        return self._post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})["result"]

    def send_all(self, raw: Sequence[bytes]) -> None:
        """eth_sendRawTransaction for all. RuntimeError where one is refused."""
        for start in range(0, len(raw), CALLS_PER_REQUEST):
            chunk = raw[start : start + CALLS_PER_REQUEST]
            answers = self._post(
                [
                    {"jsonrpc": "2.0", "id": index, "method": "eth_sendRawTransaction", "params": ["0x" + item.hex()]}
                    for index, item in enumerate(chunk)
                ]
            )
            for answer in answers:
                if "error" in answer:
                    raise RuntimeError(f"a transaction was refused: {answer['error']}")

    def measure(self, raw: Sequence[bytes], senders: Sequence[Address], final_nonce: int) -> Rate:
        """Send all and wait until every sender's nonce is `final_nonce`."""
        start = time.perf_counter()
        self.send_all(raw)
        accepted = time.perf_counter() - start
        waiting = ["0x" + sender.hex() for sender in senders]
        while waiting:
            if time.perf_counter() - start > TIMEOUT:
                raise RuntimeError(f"{len(waiting)} senders' transactions are not included after {TIMEOUT} s")
            if int(self.call("eth_getTransactionCount", waiting[-1], "latest"), 16) >= final_nonce:
                waiting.pop()
            else:
                time.sleep(POLL)
        return Rate(len(raw), accepted, time.perf_counter() - start)

    def _post(self, body: Any) -> Any:
        self._connection.request("POST", "/", orjson.dumps(body), {"Content-Type": "application/json"})
        return orjson.loads(self._connection.getresponse().read())


def sign(
    secret: bytes, chain_id: int, nonce: int, to: Address, value: int, data: bytes, gas: int, max_fee: int
) -> bytes:
    """A signed type-2 transaction, as bytes."""
    unsigned = UnsignedTransaction(
        DYNAMIC_FEE, chain_id, nonce, Wei(10**6), Wei(max_fee), Gas(gas), to, Wei(value), data
    )
    return unsigned.sign(secret).raw
