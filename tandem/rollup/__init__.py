"""Assertions and withdrawals: what L1 is told about L2's state, and what is proved from it (protocol.md, section 7)."""
