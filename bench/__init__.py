"""Benchmarks: `make bench`. They compare with a peer in the same run and print ratios, because machines are noisy."""
