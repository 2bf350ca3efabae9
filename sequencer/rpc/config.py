"""What the rpc process is told at its start, and the bounds it keeps to."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds a request, a connection and the process. What is above one is refused by a typed error, never queued."""

    body_bytes: int = 10 << 20
    """Of one HTTP request or WebSocket message: 10 MiB."""
    batch_size: int = 1_000
    """Calls in one batch."""
    response_bytes: int = 64 << 20
    """Of one response: what a batch makes beyond it is answered by errors."""
    connections: int = 2_000
    """TCP connections; above, HTTP 503."""
    requests: int = 512
    """HTTP requests in progress; above, the error "busy"."""
    request_seconds: float = 30.0
    """A call that takes longer is answered by an error."""
    workers: int = 4
    """Threads for calls that execute code or scan blocks."""
    waiting: int = 128
    """Calls waiting for a thread; above, the error "busy"."""
    call_gas: int = 2**24
    """Gas of eth_call and eth_estimateGas at most (protocol.md, section 2: the cap of a transaction)."""
    log_blocks: int = 10_000
    """Blocks that one eth_getLogs may scan."""
    log_results: int = 10_000
    """Logs that one eth_getLogs may return."""
    fee_history_blocks: int = 1_024
    trace_steps: int = 200_000
    """Instructions that debug_traceTransaction lists at most."""
    filters: int = 1_024
    filter_seconds: float = 300.0
    """A filter that nobody asks for so long is gone (as in geth: 5 minutes)."""
    subscriptions: int = 64
    """Of one WebSocket connection."""
    socket_queue: int = 4_096
    """Messages waiting for a WebSocket peer that does not read; above, it is cut off."""
    socket_calls: int = 64
    """Calls in progress of one WebSocket connection; above, it is not read from."""
    bus_requests: int = 4_096
    """Requests waiting for the engine; above, the error "busy"."""


@dataclass(frozen=True, slots=True)
class RpcConfig:
    """Where the rpc process finds what it serves, and where it listens."""

    store_path: Path
    deployment_path: Path
    bus_path: Path
    host: str = "127.0.0.1"
    port: int = 8547
    """0: any free one."""
    limits: Limits = field(default_factory=Limits)
    log_level: str = "warning"
    """Of uvicorn's own log."""
