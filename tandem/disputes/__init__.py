"""The game between rival claims about the chain: edges, the honest strategy, and lies to test it with."""
