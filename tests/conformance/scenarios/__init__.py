"""Scenarios of our own: L2 chains that bring about every outcome of every kind of step, proven on the contracts."""
