"""The bus between ingest and execution: plain messages, msgpack frames on a Unix socket (4-byte length, big-endian).

The two ends share nothing else but the database, which ingest only reads, so they can live in two processes. Frames:

    ingest ▶ engine   [id, kind, body]
    engine ▶ ingest   [id, "ok", result] or [id, "error", code, message]   answers, in any order
                      [0, event, body]                                     events

| kind              | body                       | result                                                        |
|---|---|---|
| "transactions"    | [[raw, sender], ...]       | per transaction: None (taken) or [code, message]              |
| "pending_nonce"   | address                    | next nonce with what waits in the mempool                     |
| "pool"            | address or None            | [[sender, nonce, raw, executable], ...]                       |
| "development"     | [method, params (as JSON)] | the method's JSON result (development chains only)            |
| "status"          | None                       | a map of figures for tandem_syncStatus, /health and /metrics  |

| event             | body                                                                      |
|---|---|
| "head"            | number of a new last block                                                |
| "reorg"           | [number of the last block kept, number of the new last block]             |
| "pending"         | [transaction hash, ...] newly taken into the mempool                      |

Codes of refused transactions are those of InvalidTransaction (tandem.evm.validation), and "already_known",
"replacement_underpriced", "underpriced", "oversized", "pool_full", "sender_refused". An error answer's code is one of
these, "busy" (the engine's queue is full), "development" (a development method failed; the message says why), or
"method_not_found" or "invalid_params" (of a development method).

The ends: `sequencer.bus_client.BusClient` (asyncio, the rpc process) and `sequencer.bus_server.BusServer` (a thread
beside the engine). Amounts above 64 bits travel as 0x-hex strings.

TandemError
└── BusError              a request had no answer
    ├── BusAway           no engine at the other end, or it went away before it answered
    ├── BusBusy           too much is waiting already; try again
    ├── BusTimeout        no answer in time
    └── BusRefused        the engine answered with an error (`code`)
"""

import struct
from typing import Any

import msgpack

from tandem.errors import TandemError

MAX_FRAME_BYTES = 1 << 26
"""64 MiB: well above the largest batch of requests; a longer frame is a bug and closes the connection."""
LENGTH = struct.Struct(">I")

TRANSACTIONS, PENDING_NONCE, POOL, DEVELOPMENT, STATUS = (
    "transactions",
    "pending_nonce",
    "pool",
    "development",
    "status",
)
HEAD, REORG, PENDING = "head", "reorg", "pending"


BUSY = "busy"
"""Code of the error answer to a request that found the engine's queue full."""


class BusError(TandemError):
    """A request over the bus had no answer."""


class BusAway(BusError):
    """Nobody is at the other end, or it went away before it answered."""


class BusBusy(BusError):
    """Too much is waiting already."""


class BusTimeout(BusError):
    """No answer came in time."""


class BusRefused(BusError):
    """The engine answered with an error. `code` is a stable machine-readable reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def frame(message: list[Any]) -> bytes:
    """A message with its length before it. ValueError above MAX_FRAME_BYTES."""
    body: bytes = msgpack.packb(message)
    if len(body) > MAX_FRAME_BYTES:
        raise ValueError(f"a bus message of {len(body)} bytes exceeds {MAX_FRAME_BYTES}")
    return LENGTH.pack(len(body)) + body


def unframe(body: bytes | memoryview) -> list[Any]:
    """The message in a frame's body. ValueError where it is none."""
    try:
        message = msgpack.unpackb(body)
    except Exception as error:
        raise ValueError("a bus frame does not hold msgpack") from error
    if not isinstance(message, list) or len(message) < 3 or not isinstance(message[0], int):
        raise ValueError("a bus message is a list that begins with a number")
    return message
