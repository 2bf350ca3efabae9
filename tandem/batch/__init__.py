"""What a batch's bytes mean: container, LZ4, RLP list of blocks, packed transactions (protocol.md, section 5)."""
