"""The table of methods. A handler's own signature says how many parameters its method takes.

READ    handler(api, session, *params)   a few look-ups: in the event loop, with a read session of the store
WORK    handler(api, session, *params)   executes code or scans blocks: in a worker thread
PLAIN   handler(api, *params)            needs no store
ASYNC   await handler(api, *params)      speaks to the engine
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

from sequencer.rpc.errors import invalid_params

Handler = Callable[..., Any]
AnyHandler = TypeVar("AnyHandler", bound=Handler)


class Mode(Enum):
    """How a handler is run."""

    READ = auto()
    WORK = auto()
    PLAIN = auto()
    ASYNC = auto()


@dataclass(frozen=True, slots=True)
class Method:
    """A handler with the number of parameters that it takes."""

    handler: Handler
    mode: Mode
    least: int
    most: int

    def check(self, params: list[Any]) -> None:
        """RpcError where there are too few or too many."""
        if len(params) < self.least:
            raise invalid_params(f"missing value for required argument {len(params)}")
        if len(params) > self.most:
            raise invalid_params(f"too many arguments, want at most {self.most}")


METHODS: dict[str, Method] = {}


def method(name: str, mode: Mode) -> Callable[[AnyHandler], AnyHandler]:
    """Serve `name` by the decorated handler."""

    def register(handler: AnyHandler) -> AnyHandler:
        before = 2 if mode in (Mode.READ, Mode.WORK) else 1
        taken = list(inspect.signature(handler).parameters.values())[before:]
        least = sum(parameter.default is parameter.empty for parameter in taken)
        METHODS[name] = Method(handler, mode, least, len(taken))
        return handler

    return register


def read(name: str) -> Callable[[AnyHandler], AnyHandler]:
    """A method of Mode.READ."""
    return method(name, Mode.READ)


def work(name: str) -> Callable[[AnyHandler], AnyHandler]:
    """A method of Mode.WORK."""
    return method(name, Mode.WORK)


def plain(name: str) -> Callable[[AnyHandler], AnyHandler]:
    """A method of Mode.PLAIN."""
    return method(name, Mode.PLAIN)


def asynchronous(name: str) -> Callable[[AnyHandler], AnyHandler]:
    """A method of Mode.ASYNC."""
    return method(name, Mode.ASYNC)
