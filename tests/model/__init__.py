"""The dispute game as a state machine: DisputeGame on revm against a model of it, and against flaws on purpose.

`make model [EXAMPLES=2000]` searches for longer.
"""
