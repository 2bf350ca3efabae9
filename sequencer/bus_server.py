"""The engine's end of the bus: one thread that moves frames, so that the engine's own thread never waits for a socket.

    requests ──▶ `requests` (bounded queue.Queue) ──▶ engine thread ──▶ Request.answer / refuse, BusServer.broadcast

A request that finds the queue full is answered "busy" at once. Answers are written by the calling thread while the
socket takes them, and by the bus thread for the rest; a peer that does not read loses its connection.
"""

import contextlib
import os
import queue
import selectors
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sequencer import bus
from tandem.errors import ConfigError

RECEIVE_BYTES = 1 << 18
MAX_OUTBOX_BYTES = 1 << 27
"""128 MiB waiting for a peer that does not read: more, and it is cut off."""
MAX_PATH_BYTES = 107
"""sun_path of a Unix socket on Linux, without its final zero."""


@dataclass(frozen=True, slots=True)
class Request:
    """What ingest asks. Answer it exactly once, by `answer` or `refuse`, from any thread."""

    kind: str
    body: Any
    arrived: float
    """time.monotonic() at arrival, seconds: whoever asked long ago no longer waits."""
    _id: int = field(repr=False)
    _connection: "_Connection" = field(repr=False)

    def answer(self, result: Any = None) -> None:
        """Send the result. Never blocks; nothing happens where the peer is gone."""
        self._connection.send(bus.frame([self._id, "ok", result]))

    def refuse(self, code: str, message: str) -> None:
        """Send an error: a stable code and a sentence."""
        self._connection.send(bus.frame([self._id, "error", code, message]))


class _Connection:
    """One peer: what it sent that is not a whole frame yet, and what it has not read yet."""

    def __init__(self, peer: socket.socket, server: "BusServer") -> None:
        self.socket = peer
        self.inbox = bytearray()
        self._server = server
        self._outbox: deque[memoryview] = deque()
        self._outbox_bytes = 0
        self._lock = threading.Lock()
        self._closed = False

    def send(self, data: bytes) -> None:
        """Write now what the socket takes, keep the rest for the bus thread."""
        with self._lock:
            if self._closed:
                return
            view = memoryview(data)
            if not self._outbox:
                view = view[self._write(view) :]
            if not view:
                return
            self._outbox.append(view)
            self._outbox_bytes += len(view)
            if self._outbox_bytes > MAX_OUTBOX_BYTES:
                self._closed = True
        self._server.wake(self)

    def flush(self) -> bool:
        """Write what waits. True where something still waits, or the connection is to be closed."""
        with self._lock:
            while self._outbox:
                view = self._outbox[0]
                sent = self._write(view)
                self._outbox_bytes -= sent
                if sent < len(view):
                    self._outbox[0] = view[sent:]
                    return True
                self._outbox.popleft()
            return self._closed

    @property
    def is_closed(self) -> bool:
        """Whether nothing will be written any more."""
        return self._closed

    def close(self) -> None:
        """Release the socket."""
        with self._lock:
            self._closed = True
            self._outbox.clear()
            self.socket.close()

    def _write(self, view: memoryview) -> int:
        try:
            return self.socket.send(view)
        except BlockingIOError:
            return 0
        except OSError:
            self._closed = True
            return len(view)


class BusServer:
    """Listens on a Unix socket. `requests` is what the engine serves; it may hold `capacity` requests."""

    def __init__(self, path: Path, *, capacity: int = 1024) -> None:
        if len(os.fsencode(path)) > MAX_PATH_BYTES:
            raise ConfigError(f"the bus socket's path is longer than {MAX_PATH_BYTES} bytes: {path}")
        self.path = path
        self.requests: queue.Queue[Request] = queue.Queue(capacity)
        self._connections: set[_Connection] = set()
        self._waiting: deque[_Connection] = deque()
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_writer.setblocking(False)
        self._wake_reader.setblocking(False)
        self._listener = _listen(path)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="bus", daemon=True)

    def start(self) -> None:
        """Begin to take connections."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._thread.start()

    def broadcast(self, event: str, body: Any) -> None:
        """Tell every peer. Never blocks."""
        data = bus.frame([0, event, body])
        for connection in tuple(self._connections):
            connection.send(data)

    def close(self) -> None:
        """Cut all connections, end the thread, remove the socket."""
        self._closing = True
        self._signal()
        if self._thread.ident is not None:
            self._thread.join(5)
        for connection in tuple(self._connections):
            connection.close()
        for item in (self._listener, self._wake_reader, self._wake_writer, self._selector):
            item.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> "BusServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wake(self, connection: _Connection) -> None:
        """Have the bus thread write what waits for this peer."""
        self._waiting.append(connection)
        self._signal()

    def _signal(self) -> None:
        with contextlib.suppress(OSError):  # full means that it is awake already
            self._wake_writer.send(b"\0")

    # -- the bus thread

    def _run(self) -> None:
        while not self._closing:
            for key, mask in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._wake_reader:
                    with contextlib.suppress(BlockingIOError):
                        self._wake_reader.recv(4096)
                else:
                    self._serve(key.data, mask)
            while self._waiting:
                self._flush(self._waiting.popleft())

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            peer, _ = self._listener.accept()
            peer.setblocking(False)
            connection = _Connection(peer, self)
            self._connections.add(connection)
            self._selector.register(peer, selectors.EVENT_READ, connection)

    def _serve(self, connection: _Connection, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush(connection)
        if mask & selectors.EVENT_READ and connection in self._connections:
            try:
                alive = self._receive(connection)
            except (OSError, ValueError):
                alive = False
            if not alive:
                self._drop(connection)

    def _receive(self, connection: _Connection) -> bool:
        """Read what is there and queue whole frames. False at the end of the stream."""
        try:
            data = connection.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return True
        if not data:
            return False
        inbox = connection.inbox
        inbox += data
        at = 0
        while len(inbox) - at >= bus.LENGTH.size:
            (length,) = bus.LENGTH.unpack_from(inbox, at)
            if length > bus.MAX_FRAME_BYTES:
                raise ValueError("a bus frame is too long")
            start = at + bus.LENGTH.size
            if len(inbox) < start + length:
                break
            at = start + length
            self._enqueue(connection, bus.unframe(bytes(inbox[start:at])))
        del inbox[:at]
        return True

    def _enqueue(self, connection: _Connection, message: list[Any]) -> None:
        number, kind, body = message
        request = Request(kind, body, time.monotonic(), number, connection)
        try:
            self.requests.put_nowait(request)
        except queue.Full:
            request.refuse(bus.BUSY, "the sequencer has too many requests waiting; try again")

    def _flush(self, connection: _Connection) -> None:
        if connection not in self._connections:
            return
        more = connection.flush()
        if connection.is_closed:
            self._drop(connection)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if more else 0)
        self._selector.modify(connection.socket, events, connection)

    def _drop(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection.socket)
        connection.close()


def _listen(path: Path) -> socket.socket:
    """A listening socket at `path`, for this user only. ConfigError where a live process holds it already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.connect(str(path))
    except OSError:
        path.unlink(missing_ok=True)  # left behind by a process that was killed
    else:
        raise ConfigError(f"another sequencer already listens on {path}")
    finally:
        probe.close()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(16)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {path}: {error}") from error
    return listener
