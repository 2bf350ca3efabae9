"""Transactions: signed types 0, 1, 2, the deposit type, and the packed form that batches carry."""
