"""`make demo`: the story of the two layers, told in the terminal with real processes. An act a module.
`make prove`: the provable machine (proof.py, steps.py).
"""
