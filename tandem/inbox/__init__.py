"""The two queues of the L1 inbox as values, and their hash accumulators (protocol.md, section 4)."""
