"""A JSON-RPC endpoint that says what it is told to, sense or not."""

import json
from typing import Any

from tests.support.json_rpc import JsonRpcServer

NO_SENSE = (b"<html>please wait</html>", b"\xff\xfe", b"[]", b'{"jsonrpc": "2.0", "id": 0, "result": null}')
"""Bodies with status 200, as of a proxy or a node that starts."""


class Endpoint(JsonRpcServer):
    """A context."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Any] = {}
        """Of each method: its result; of a method that is not here there is none. {"error": ...} is an error."""
        self.body: bytes | None = None
        """Instead of all of these."""

    def answer(self, body: bytes) -> bytes:
        """To one request."""
        if self.body is not None:
            return self.body
        request = json.loads(body)
        found = self.answers.get(request["method"])
        told = found if isinstance(found, dict) and "error" in found else {"result": found}
        return json.dumps({"jsonrpc": "2.0", "id": request["id"], **told}).encode()
