"""The past, judged again: what alerts would have done, by the rules of a document or by others.

The functions are those of live evaluations (`app.alerting`), stepped over counts by slot instead of a ledger; what
nothing can change is skipped by conditions on whole columns. Start at `stepping.py`; `slot_history.py` is what it steps
over, `window_series.py` the figures of windows at every slot, `resting.py` which slots change nothing.
"""

from app.replay.slot_history import SlotHistory
from app.replay.stepping import Firing, Replayed, firings_of, replay
from app.replay.window_series import WindowSeries

__all__ = ["Firing", "Replayed", "SlotHistory", "WindowSeries", "firings_of", "replay"]
