"""The error tree of the package. Expected failures derive from TandemError; bugs never do.

TandemError
├── EncodingError            bytes that break a stated encoding (RLP, LZ4, packed transaction, ...)
├── InvalidTransaction       a transaction that the chain's rules refuse where it stands
├── ProofError               a proof that does not show what it claims
├── StateMissing             a state root or code that this store does not hold
└── ConfigError              settings that cannot work; the message says what to change
"""


class TandemError(Exception):
    """Base of every expected failure. The message is a sentence that says what was wrong."""


class EncodingError(TandemError):
    """Bytes break a stated encoding."""


class InvalidTransaction(TandemError):
    """The chain's rules refuse this transaction in this place. `code` is a stable machine-readable reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ProofError(TandemError):
    """A proof does not show what it claims."""


class StateMissing(TandemError):
    """The store does not hold the asked-for node, root or code."""


class ConfigError(TandemError):
    """Settings that cannot work."""
