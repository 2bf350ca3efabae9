"""EVM execution: a block's transactions on a state. Pure: reads through `StateReader`, answers with a `StateDiff`."""

import sys

# A call of depth 1,024 (the EVM's limit) takes three Python frames a level. Where it were cut short, the result would
# depend on the caller's stack, so the limit is set where execution begins. Python-to-Python calls use no C stack.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))
