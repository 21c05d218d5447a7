"""What one event of a kind adds to the total and to the bad events."""

from typing import Final

from app.slo import Weights

TOTAL: Final = Weights(total=1.0, bad=0.0)
BAD: Final = Weights(total=0.0, bad=1.0)
# Every event is bad until those that are good take it back.
TOTAL_UNLESS_GOOD: Final = Weights(total=1.0, bad=1.0)
GOOD: Final = Weights(total=0.0, bad=-1.0)
# What an expression names without saying which events it counts.
NOTHING: Final = Weights(total=0.0, bad=0.0)
