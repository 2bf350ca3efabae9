"""Starts the RPC process beside the engine, watches over it, and ends it."""

import multiprocessing
import os
import signal
import sys
import time
from threading import Event, Thread
from types import TracebackType

import structlog

from sequencer.config import Settings
from tandem.errors import TandemError
from tandem.logs import configure_logs

WATCH_INTERVAL = 0.5
RESTART_PAUSE = 1.0
STOP_TIMEOUT = 10.0
"""Seconds given to a clean stop before the process is killed."""
CANNOT_WORK = 78
"""Exit code of settings that cannot work (EX_CONFIG of sysexits.h): starting again would not help."""


class RpcProcess:
    """A context in which the RPC process runs; it is started again when it dies."""

    def __init__(self, settings: Settings, stopping: Event) -> None:
        self.failed = False
        """Whether it ended because its settings cannot work; it has said why."""
        self._settings = settings
        self._stopping = stopping
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._watch = Thread(target=self._keep_alive, name="rpc-watch", daemon=True)
        self._log = structlog.get_logger("rpc-process")

    def __enter__(self) -> "RpcProcess":
        if self._settings.rpc.enabled:
            self._start()
            self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._process is None:
            return
        self._watch.join(STOP_TIMEOUT)
        self._process.terminate()
        self._process.join(STOP_TIMEOUT)
        if self._process.is_alive():
            self._process.kill()

    def _start(self) -> None:
        self._process = self._context.Process(target=_serve, args=(self._settings, os.getpid()), name="tandem-rpc")
        self._process.start()

    def _keep_alive(self) -> None:
        while not self._stopping.wait(WATCH_INTERVAL):
            process = self._process
            if process is not None and process.exitcode == CANNOT_WORK:
                self.failed = True
                self._stopping.set()
            elif process is not None and not process.is_alive():
                self._log.error("RPC process died, starting it again", exit_code=process.exitcode)
                self._stopping.wait(RESTART_PAUSE)
                if not self._stopping.is_set():
                    self._start()


def _serve(settings: Settings, parent: int) -> None:
    """The RPC process's main function. It ends when the engine's process does, however that ended."""
    from sequencer.rpc.config import RpcConfig
    from sequencer.rpc.server import run_rpc

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_logs(settings.log_json)
    log = structlog.get_logger("rpc")
    Thread(target=_follow_parent, args=(parent,), name="parent-watch", daemon=True).start()
    config = RpcConfig(
        store_path=settings.store_path,
        deployment_path=settings.deployment,
        bus_path=settings.bus_path,
        host=settings.rpc.host,
        port=settings.rpc.port,
    )
    try:
        run_rpc(config, lambda port: log.info("JSON-RPC is served", url=f"http://{settings.rpc.host}:{port}"))
    except TandemError as error:
        log.error("JSON-RPC cannot be served", reason=str(error))
        sys.exit(CANNOT_WORK)


def _follow_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_INTERVAL)
    os._exit(1)
