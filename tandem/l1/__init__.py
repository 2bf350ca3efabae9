"""Access to L1 through web3: contracts, the inbox reader, and a sender of transactions that gets them mined."""
