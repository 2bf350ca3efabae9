"""The bus between ingest and engine: answers in any order, events, a full queue, an engine that goes and comes back."""

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from sequencer import bus
from sequencer.bus_client import BusClient
from sequencer.bus_server import BusServer, Request
from tandem.errors import ConfigError


class Engine:
    """Serves a bus with a function in its own thread."""

    def __init__(self, path: Path, serve: Any, capacity: int = 64) -> None:
        self.server = BusServer(path, capacity=capacity)
        self.server.start()
        self._serve = serve
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (request := self.server.requests.get()) is not None:
            self._serve(request)

    def close(self) -> None:
        self.server.requests.put(None)  # type: ignore[arg-type]
        self._thread.join(5)
        self.server.close()


def echo(request: Request) -> None:
    if request.kind == "fail":
        request.refuse("nonce_too_low", "the nonce is used")
    elif request.kind != "silence":
        request.answer(request.body)


def test_a_request_gets_its_own_answer_whatever_the_order(tmp_path: Path) -> None:
    held: list[Request] = []

    def backwards(request: Request) -> None:
        held.append(request)
        if len(held) == 3:
            for item in reversed(held):
                item.answer(item.body)

    async def scenario() -> list[Any]:
        client = BusClient(tmp_path / "bus")
        client.start()
        assert await client.wait_connected(5)
        answers = await asyncio.gather(*(client.request("echo", index) for index in range(3)))
        await client.close()
        return answers

    engine = Engine(tmp_path / "bus", backwards)
    assert asyncio.run(scenario()) == [0, 1, 2]
    engine.close()


def test_megabytes_go_both_ways(tmp_path: Path) -> None:
    body = [bytes([index % 256]) * 100_000 for index in range(100)]

    async def scenario() -> None:
        client = BusClient(tmp_path / "bus")
        client.start()
        assert await client.wait_connected(5)
        assert await client.request("echo", body) == body
        await client.close()

    engine = Engine(tmp_path / "bus", echo)
    asyncio.run(scenario())
    engine.close()


def test_every_failure_is_typed(tmp_path: Path) -> None:
    async def scenario() -> None:
        client = BusClient(tmp_path / "bus", limit=1)
        client.start()
        with pytest.raises(bus.BusAway):
            await client.request("echo")
        engine = Engine(tmp_path / "bus", echo)
        assert await client.wait_connected(5)
        with pytest.raises(bus.BusRefused) as refused:
            await client.request("fail")
        assert refused.value.code == "nonce_too_low"
        with pytest.raises(bus.BusTimeout):
            await client.request("silence", timeout=0.05)
        waiting = asyncio.ensure_future(client.request("silence"))
        await asyncio.sleep(0)
        with pytest.raises(bus.BusBusy):
            await client.request("echo")
        await asyncio.to_thread(engine.close)
        with pytest.raises(bus.BusAway):
            await waiting
        await client.close()

    asyncio.run(scenario())


def test_a_full_queue_is_answered_busy_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        client = BusClient(tmp_path / "bus")
        client.start()
        assert await client.wait_connected(5)
        first = asyncio.ensure_future(client.request("one", timeout=1))
        await asyncio.sleep(0.05)
        with pytest.raises(bus.BusBusy):
            await client.request("two", timeout=5)
        server.requests.get_nowait().answer("served")
        assert await first == "served"
        await client.close()

    with BusServer(tmp_path / "bus", capacity=1) as server:
        asyncio.run(scenario())


def test_the_client_returns_to_an_engine_that_was_restarted(tmp_path: Path) -> None:
    events: list[tuple[str, Any]] = []

    async def scenario() -> None:
        client = BusClient(tmp_path / "bus", on_event=lambda name, body: events.append((name, body)))
        client.start()
        for number in range(2):
            engine = Engine(tmp_path / "bus", echo)
            assert await client.wait_connected(5)
            assert await client.request("echo", number) == number
            engine.server.broadcast(bus.HEAD, number)
            await asyncio.sleep(0.05)
            await asyncio.to_thread(engine.close)
            await asyncio.sleep(0.05)
        await client.close()

    asyncio.run(scenario())
    assert events == [(bus.HEAD, 0), (bus.HEAD, 1)]


def test_bytes_that_are_no_frame_cost_the_peer_its_connection(tmp_path: Path) -> None:
    with BusServer(tmp_path / "bus"):
        for junk in (b"\xff\xff\xff\xff", b"\0\0\0\1\xc1", b"\0\0\0\1\x01", b"\0\0\0\2\x91\x01"):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(5)
                peer.connect(str(tmp_path / "bus"))
                peer.sendall(junk)
                assert peer.recv(1) == b""


def test_one_socket_has_one_engine(tmp_path: Path) -> None:
    with BusServer(tmp_path / "bus"), pytest.raises(ConfigError):
        BusServer(tmp_path / "bus")


def test_a_socket_left_behind_is_taken_over(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "bus"))
    dead.close()
    with BusServer(tmp_path / "bus"):
        pass
    assert not (tmp_path / "bus").exists()
