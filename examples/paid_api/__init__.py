"""A small HTTP service that sells facts about L2's blocks, paid for request by request through a channel.

Its clients are any that speak x402's scheme `batch-settlement`. From the inside out: scheme.py (what is signed),
wire.py (what is in the headers), store.py (what is kept), chain.py (contracts), till.py (the rules), service.py (HTTP).
"""
