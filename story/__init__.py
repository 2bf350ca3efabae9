"""`make demo`: the story of the two layers, told in the terminal with real processes. An act a module: act_one.py, and
act_two.py with what is disputed (disputed.py) and the dispute as it runs (game_view.py).
`make prove`: the provable machine (proof.py, steps.py).
"""
