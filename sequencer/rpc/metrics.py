"""Figures for Prometheus. Counted in plain dictionaries, since a call costs microseconds, and shown when asked for."""

import os
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily


class Metrics:
    """Calls by method, and gauges that are read on demand."""

    def __init__(self) -> None:
        self._calls: dict[str, list[float]] = {}
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self.engine: dict[str, Any] = {}
        """The engine's last status."""

    def count(self, method: str, seconds: float, failed: bool, calls: int = 1) -> None:
        """Calls of a method that took so long together."""
        entry = self._calls.get(method)
        if entry is None:
            entry = self._calls[method] = [0, 0, 0.0]
        entry[0] += calls
        entry[1] += failed
        entry[2] += seconds

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Show a number."""
        self._gauges[name] = (help_text, read)

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """What prometheus_client asks a collector for."""
        calls = CounterMetricFamily("tandem_rpc_calls", "JSON-RPC calls by method.", labels=["method"])
        errors = CounterMetricFamily("tandem_rpc_errors", "JSON-RPC calls answered by an error.", labels=["method"])
        seconds = CounterMetricFamily("tandem_rpc_seconds", "Time in calls, seconds.", labels=["method"])
        for method, (count, failed, spent) in self._calls.items():
            calls.add_metric([method], count)
            errors.add_metric([method], failed)
            seconds.add_metric([method], spent)
        yield calls
        yield errors
        yield seconds
        yield GaugeMetricFamily("tandem_rpc_process", "The rpc process's id.", os.getpid())
        for name, (text, read) in self._gauges.items():
            yield GaugeMetricFamily(name, text, read())
        for name, value in self.engine.items():
            if isinstance(value, int | float):
                yield GaugeMetricFamily(f"tandem_engine_{name}", "From the engine's status.", value)
