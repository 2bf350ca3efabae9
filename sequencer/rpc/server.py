"""The rpc process: puts the parts together and serves until SIGTERM."""

import asyncio
import contextlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

import uvicorn
import uvloop

import sequencer.rpc.methods  # noqa: F401 - fills the table of methods
from sequencer.bus_client import BusClient
from sequencer.rpc.api import Api
from sequencer.rpc.config import RpcConfig
from sequencer.rpc.dispatch import Dispatcher
from sequencer.rpc.http import App
from sequencer.rpc.metrics import Metrics
from sequencer.rpc.publish import Publisher
from tandem.chain.spec import Deployment
from tandem.errors import ConfigError
from tandem.store import ChainStore

STORE_WAIT = 30.0
"""Seconds to wait for the engine to write the genesis block."""
SWITCH_INTERVAL = 0.001
"""Seconds that a thread executing a call keeps the interpreter before the event loop gets its turn."""
SHUTDOWN_SECONDS = 5
BACKLOG = 1_024


def run_rpc(config: RpcConfig, ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called with the port once it listens. ConfigError where it cannot."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    with contextlib.closing(_listen(config)) as listener, _open(config) as store:
        deployment = Deployment.load(config.deployment_path)
        runner = asyncio.Runner(loop_factory=_loop_factory())
        with runner:
            runner.run(_serve(config, store, deployment, listener, ready))


class _Server(uvicorn.Server):
    """uvicorn's server, but SIGTERM is a clean end: it would raise the signal again after its shutdown."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_serve`."""
        yield

    def stop(self) -> None:
        """Finish what is in progress, then end."""
        self.should_exit = True


async def _serve(
    config: RpcConfig,
    store: ChainStore,
    deployment: Deployment,
    listener: socket.socket,
    ready: Callable[[int], None] | None,
) -> None:
    limits = config.limits
    client = BusClient(config.bus_path, limit=limits.bus_requests, timeout=limits.request_seconds)
    api = Api(config, store, deployment, client)
    metrics = Metrics()
    publisher = Publisher(api)
    client.on_event = publisher.on_event
    app = App(api, Dispatcher(api, metrics), publisher, metrics)
    metrics.gauge("tandem_rpc_bus_waiting", "Requests waiting for the engine.", lambda: client.waiting)
    metrics.gauge("tandem_rpc_engine_connected", "1 while the engine is there.", lambda: client.is_connected)
    metrics.gauge("tandem_rpc_filters", "Filters.", lambda: len(api.filters))
    metrics.gauge("tandem_rpc_subscriptions", "Subscriptions.", lambda: len(publisher))
    metrics.gauge("tandem_rpc_workers_in_use", "Calls in threads or waiting for one.", lambda: api.workers.in_use)
    server = _Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="websockets-sansio",
            ws_max_size=limits.body_bytes,
            ws_per_message_deflate=False,
            lifespan="off",
            log_level=config.log_level,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            date_header=False,
            limit_concurrency=limits.connections,
            backlog=BACKLOG,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
    )
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
    client.start()
    publisher.advance()
    watch = asyncio.create_task(publisher.run())
    if ready is not None:
        ready(listener.getsockname()[1])
    try:
        await server.serve([listener])
    finally:
        watch.cancel()
        await client.close()
        api.workers.close()


def _listen(config: RpcConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {config.host}:{config.port} ({error.strerror}): choose another rpc.port"
        ) from error
    return listener


def _open(config: RpcConfig) -> ChainStore:
    """The store, once the engine has written the genesis block."""
    deadline = time.monotonic() + STORE_WAIT
    while True:
        try:
            store = ChainStore(config.store_path, readonly=True)
            with store.read() as session:
                if not session.is_empty:
                    return store
            store.close()
        except Exception as error:
            if time.monotonic() > deadline:
                raise ConfigError(f"no chain in {config.store_path} after {STORE_WAIT:g} s: {error}") from error
        if time.monotonic() > deadline:
            raise ConfigError(f"no chain in {config.store_path} after {STORE_WAIT:g} s")
        time.sleep(0.05)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
