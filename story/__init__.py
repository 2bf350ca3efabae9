"""`make demo`: the story of the two layers, told in the terminal with real processes. An act a module."""
