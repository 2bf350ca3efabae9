"""What can go wrong in selling.

SaleFailed
├── Malformed        a header that says nothing: 400
├── NotSold          there is no such thing: 404
├── NotPaid          402, with x402's name of the reason
│   └── OutOfStep    the client is wrong about its channel: 402 with what the service knows, and it asks again
├── NotNow           later it may be: 503
│   └── NotCollected what was sold is not safe, and nothing more is sold before it is
└── ChainFailed      L2 does not answer: 502
    └── Rejected     it does, and a contract refuses a call
"""

from collections.abc import Mapping
from typing import Any

from tandem.errors import TandemError

PREFIX = "invalid_batch_settlement_evm_"
"""Of x402's names of reasons in this scheme."""


class SaleFailed(TandemError):
    """Nothing was sold, and nothing is charged."""


class Malformed(SaleFailed):
    """What was sent is none of x402's payments."""


class NotSold(SaleFailed):
    """There is no such thing."""


class NotPaid(SaleFailed):
    """The payment is not good. `code`: x402's name of the reason, without the scheme's prefix."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = PREFIX + code


class OutOfStep(NotPaid):
    """The client's numbers are not the service's. A client that is told them tries again by itself. `state`: these."""

    def __init__(self, message: str, state: Mapping[str, Any]) -> None:
        super().__init__("cumulative_amount_mismatch", message)
        self.state = state


class NotNow(SaleFailed):
    """Later it may be. The message says when."""


class NotCollected(NotNow):
    """Too long ago that vouchers were turned into money: their payers could be quicker."""


class ChainFailed(SaleFailed):
    """L2 does not answer, or not in time, or what makes no sense."""


class Rejected(ChainFailed):
    """A contract refuses a call."""
