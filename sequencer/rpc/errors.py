"""JSON-RPC errors, with the codes of the JSON-RPC 2.0 specification, EIP-1474 and go-ethereum.

RpcError
├── -32700 parse error          ├── -32000 server error: the message says what
├── -32600 invalid request      ├── -32001 resource not found
├── -32601 method not found     ├── -32005 limit exceeded: too much asked, or busy
├── -32602 invalid params       └──      3 execution reverted; data is what it reverted with
└── -32603 internal error
"""

from typing import Any

from sequencer import bus
from tandem.errors import InvalidTransaction, StateMissing, TandemError

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
SERVER_ERROR, NOT_FOUND, LIMIT_EXCEEDED = -32000, -32001, -32005
TIMED_OUT = -32002
"""As go-ethereum answers a request that took too long."""
RESPONSE_TOO_LARGE = -32003
REVERTED = 3


class RpcError(TandemError):
    """An answer that is an error. `data` is left out where it is None."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data

    def body(self) -> dict[str, Any]:
        """The JSON of the error member."""
        body: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.data is not None:
            body["data"] = self.data
        return body


def invalid_params(message: str) -> RpcError:
    """-32602 with a sentence."""
    return RpcError(INVALID_PARAMS, message)


def busy() -> RpcError:
    """What a call gets that finds everything in use."""
    return RpcError(LIMIT_EXCEEDED, "busy: too many requests in progress; try again")


def method_not_found(name: object) -> RpcError:
    """-32601."""
    return RpcError(METHOD_NOT_FOUND, f"the method {name} does not exist/is not available")


def from_failure(error: TandemError) -> RpcError:
    """How an expected failure of the layers below is told to a client."""
    if isinstance(error, RpcError):
        return error
    if isinstance(error, bus.BusBusy):
        return RpcError(LIMIT_EXCEEDED, f"busy: {error}")
    if isinstance(error, bus.BusTimeout):
        return RpcError(TIMED_OUT, str(error))
    if isinstance(error, InvalidTransaction | StateMissing | bus.BusError):
        return RpcError(SERVER_ERROR, str(error))
    return RpcError(SERVER_ERROR, str(error))
