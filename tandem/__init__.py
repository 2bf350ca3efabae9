"""Tandem: a complete Layer 2 stack for Ethereum. This package is the protocol as a library.

The inner packages are pure rules (no sockets, no clocks): primitives, state, transactions, evm, chain, batch,
derivation, rollup. The outermost do I/O: store (LMDB) and l1 (web3). Programs import this package, never the reverse.
"""

import os

# eth-hash picks its backend at import, by this variable: pysha3 hashes 64 bytes in about 1 us, its default in 6-9 us.
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
