"""Hashing, quantities, RLP and signatures: what every other package stands on."""
