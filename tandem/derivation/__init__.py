"""Derivation: the L2 chain as a pure function of the L1 inbox (protocol.md, section 6), in stages.

    inbox queues ──▶ blocks of a batch ──▶ templates ──▶ blocks
                    `batch_blocks`        `plan`        `Deriver`

Nothing here reads a clock, a socket or a key. Whoever has the inbox has the chain.
"""
