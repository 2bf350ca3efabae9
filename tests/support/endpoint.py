"""A JSON-RPC endpoint that says what it is told to, sense or not."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any

NO_SENSE = (b"<html>please wait</html>", b"\xff\xfe", b"[]", b'{"jsonrpc": "2.0", "id": 0, "result": null}')
"""Bodies with status 200, as of a proxy or a node that starts."""


class Endpoint:
    """A context."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        """Of each method: its result; of a method that is not here there is none. {"error": ...} is an error."""
        self.body: bytes | None = None
        """Instead of all of these."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, body: bytes) -> bytes:
        """To one request."""
        if self.body is not None:
            return self.body
        request = json.loads(body)
        found = self.answers.get(request["method"])
        told = found if isinstance(found, dict) and "error" in found else {"result": found}
        return json.dumps({"jsonrpc": "2.0", "id": request["id"], **told}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            """One connection."""

            def do_POST(self) -> None:
                """A request."""
                answer = endpoint.answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        return Handler

    def __enter__(self) -> "Endpoint":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
