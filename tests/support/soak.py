"""How long the proofs are that have a length: `SLOBURN_SOAK`, 1 in `make test` and 20 in `make soak`.

`SLOBURN_SOAK_SEED` draws other disturbances.
"""

import os
from typing import Final

SOAK: Final = int(os.environ.get("SLOBURN_SOAK", "1"))
IS_SOAK: Final = SOAK > 1
SEED: Final = int(os.environ.get("SLOBURN_SOAK_SEED", "7"))
