"""An L1 endpoint that answers all requests but, while it censors, keeps transactions to itself."""

import json
from urllib.request import Request, urlopen

from tandem.primitives.hashing import keccak
from tests.support.json_rpc import JsonRpcServer

TIMEOUT = 20


class Censor(JsonRpcServer):
    """A context: a proxy before the L1 at `url`."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.is_censoring = False
        self.swallowed = 0
        """Transactions that did not reach L1."""
        self._upstream = url

    def answer(self, body: bytes) -> bytes:
        """L1's answer, or to a transaction that is censored what L1 would say had it taken it."""
        request = json.loads(body)
        if self.is_censoring and request["method"] == "eth_sendRawTransaction":
            self.swallowed += 1
            digest = "0x" + keccak(bytes.fromhex(request["params"][0][2:])).hex()
            return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": digest}).encode()
        upstream = Request(self._upstream, body, {"Content-Type": "application/json"})
        with urlopen(upstream, timeout=TIMEOUT) as answered:
            answer: bytes = answered.read()
            return answer
