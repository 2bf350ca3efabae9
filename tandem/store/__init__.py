"""Storage on LMDB: one environment a node, one write transaction a block, any number of reading processes."""

from tandem.store.environment import ChainStore
from tandem.store.records import BatchRecord, BlockRecord, MessageRecord
from tandem.store.session import ReadSession, WriteSession

__all__ = ["BatchRecord", "BlockRecord", "ChainStore", "MessageRecord", "ReadSession", "WriteSession"]
