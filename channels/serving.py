"""An HTTP server in the loop of a program whose signals are its own."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any

import uvicorn

from tandem.errors import ConfigError


class _Server(uvicorn.Server):
    """Signals are the program's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve_app(app: Any, host: str, port: int) -> None:
    """Until it is cancelled. `app`: ASGI. ConfigError where nobody can listen there."""
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    try:
        listener = socket.create_server((host, port), reuse_port=False)
    except OSError as reason:
        raise ConfigError(f"{host}:{port} cannot be listened at ({reason}): is another program there?") from reason
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
    finally:
        listener.close()
