"""A node's chain: the store driven by what L1 says. Used by every program that holds L2's state."""
