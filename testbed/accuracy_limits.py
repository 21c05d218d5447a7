"""How exact budgets are promised to be: what tests hold and `bench accuracy` measures."""

from typing import Final

WINDOWS: Final = {
    "30d": 2_592_000,
    "3d": 259_200,
    "1d": 86_400,
    "6h": 21_600,
    "2h": 7_200,
    "1h": 3_600,
    "30m": 1_800,
    "5m": 300,
}
LIMITS: Final = {"30d": 0.03, "3d": 0.05, "1d": 0.06, "6h": 0.2, "2h": 0.6, "1h": 1.0, "30m": 2.0, "5m": 10.0}
"""The largest error of Sloburn, in percentage points of the budget."""
