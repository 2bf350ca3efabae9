"""`python -m tests.unit.machine.worst`."""

from tests.unit.machine.worst.search import main

main()
