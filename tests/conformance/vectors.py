"""Where the official state tests are that `make test` takes its samples of.

The data are foreign and large, so they are not in this repository. They are looked for in $TANDEM_VECTORS, else in
../shared/vectors beside it, in a folder `state`.
"""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.state_tests import find

VECTORS = Path(os.environ.get("TANDEM_VECTORS", Path(__file__).parents[3] / "shared" / "vectors")) / "state"
HOW_TO_GET = (
    f"no state tests in {VECTORS}: clone https://github.com/ethereum/tests (GeneralStateTests), or unpack fixtures of "
    "https://github.com/ethereum/execution-spec-tests/releases (state_tests), into $TANDEM_VECTORS/state"
)
SLOW = ("vmPerformance", "stTimeConsuming", "stQuadraticComplexityTest", "stZeroKnowledge", "Blake2f", "eip2537")


def sampled(one_in: int) -> Iterator[tuple[Path, int]]:
    """Every n-th file of each folder but the slow ones, and the hash of its name by which it was chosen.

    By a hash, so that the sample stays when files come or go.
    """
    if not VECTORS.is_dir():
        return
    for path in sorted({part.path for part in find(VECTORS)}):
        chosen = zlib.crc32(path.stem.encode())
        if chosen % one_in == 0 and not any(name in str(path) for name in SLOW):
            yield path, chosen
