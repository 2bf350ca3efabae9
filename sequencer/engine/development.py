"""Development methods: time and blocks on demand. Only on development chains.

Methods that write state directly (anvil_setBalance and the like) are not here: a state that no batch explains could
neither be derived from L1 nor asserted there.
"""

from collections.abc import Callable
from typing import Any

from sequencer.bus_server import Request
from sequencer.engine.clock import ChainClock

Build = Callable[..., bool]


class DevelopmentMethods:
    """Serves the bus requests of kind "development"."""

    def __init__(self, clock: ChainClock) -> None:
        self._clock = clock

    def serve(self, request: Request, method: str, params: list[Any], build: Build) -> None:
        """Answer or refuse one request. `build(empty=True)` makes a block."""
        try:
            result = self._call(method, params, build)
        except KeyError:
            request.refuse("method_not_found", f"{method} is not served by this node")
        except (IndexError, TypeError, ValueError) as error:
            request.refuse("invalid_params", f"{method}: {error}")
        else:
            request.answer(result)

    def _call(self, method: str, params: list[Any], build: Build) -> Any:
        match method:
            case "evm_mine":
                if params and params[0] is not None:
                    self._clock.set_next(_timestamp(params[0]))
                build(empty=True)
                return "0x0"
            case "anvil_mine" | "hardhat_mine":
                for _ in range(_quantity(params[0]) if params else 1):
                    build(empty=True)
                return None
            case "evm_increaseTime":
                return self._clock.advance(_quantity(params[0]))
            case "evm_setNextBlockTimestamp":
                self._clock.set_next(_quantity(params[0]))
                return None
        raise KeyError(method)


def _timestamp(value: Any) -> int:
    return _quantity(value["timestamp"] if isinstance(value, dict) else value)


def _quantity(value: Any) -> int:
    return int(value, 16) if isinstance(value, str) and value.startswith("0x") else int(value)
