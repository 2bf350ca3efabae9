"""The engine process: the only writer of the store. One thread builds; others wait for L1."""
