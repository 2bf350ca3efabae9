"""A whole Tandem on one machine, from real processes: for `make devnet`, `make demo`, end-to-end tests and benchmarks.

anvil (L1)  ◀── ape run deploy
    ▲  ▲
    │  └──── python -m challenger --watch-only
    └─────── python -m sequencer
"""

from localnet.network import LocalNet, Ports

__all__ = ["LocalNet", "Ports"]
