"""The channel node: what a side of a channel keeps, and what it says to the other side. Rules: tandem.channels."""
