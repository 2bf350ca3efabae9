"""The state and its commitments: sparse Merkle tree, account records, code chunks (protocol.md, section 1)."""
