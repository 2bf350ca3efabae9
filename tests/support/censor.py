"""An L1 endpoint that answers all requests but, while it censors, keeps transactions to itself."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any
from urllib.request import Request, urlopen

from tandem.primitives.hashing import keccak

TIMEOUT = 20


class Censor:
    """A context: a proxy before the L1 at `url`."""

    def __init__(self, url: str) -> None:
        self.is_censoring = False
        self.swallowed = 0
        """Transactions that did not reach L1."""
        self._upstream = url
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

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

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        censor = self

        class Handler(BaseHTTPRequestHandler):
            """One connection."""

            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                """A request."""
                answer = censor.answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        return Handler

    def __enter__(self) -> "Censor":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
