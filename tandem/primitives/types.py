"""One type per quantity. NewTypes cost nothing at run time and keep wei, gas and seconds from mixing."""

from typing import NewType

Address = NewType("Address", bytes)
"""20 bytes."""
Hash = NewType("Hash", bytes)
"""32 bytes."""
Wei = NewType("Wei", int)
Gas = NewType("Gas", int)
Seconds = NewType("Seconds", int)

ZERO_HASH = Hash(bytes(32))
ZERO_ADDRESS = Address(bytes(20))
