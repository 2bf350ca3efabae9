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

Codes of refused transactions are those of InvalidTransaction, and "already_known", "replacement_underpriced",
"pool_full", "sender_refused".
"""

import struct

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
