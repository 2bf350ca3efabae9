"""Blocks: header, base fee, chain spec, genesis, and the builder that sequencer and derivation share."""
