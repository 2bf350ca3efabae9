"""The chain as a machine of small steps (docs/reference/machine.md): the state, a step, and the witness that proves it.

Pure: what it needs of the world (preimages of the state, the inbox, earlier headers) comes in as a `Chain`. The modules
here and the contracts in contracts/machine are twins: same names, same order of reading.
"""
