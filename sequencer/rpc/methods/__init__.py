"""The methods, by subject. Importing this package fills `sequencer.rpc.registry.METHODS`."""

from sequencer.rpc.methods import basic, blocks, debug, execution, fees, logs, pool, state, tandem

__all__ = ["basic", "blocks", "debug", "execution", "fees", "logs", "pool", "state", "tandem"]
