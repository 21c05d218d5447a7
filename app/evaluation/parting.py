"""The part of a stored state that belongs to one SLI: it is laid by when no document asks for the SLI any more.

Whoever puts the SLO back, within the time for which rows are kept, finds its history where it was left.
"""

from collections.abc import Collection

import numpy as np
import orjson

from app.ledger.codec import Column

State = dict[str, Column]


def part_of(state: State, sli: str, row_ids: Collection[int]) -> State:
    """What a state says of one SLI with these rows, in the form of a state."""
    ids = list(row_ids)
    tracked, row = state["tracked"] == sli, np.isin(state["row"], ids)
    counter, spilled = np.isin(state["counter"][:, 0], ids), np.isin(state["spilled"][:, 0], ids)
    pending = orjson.loads(str(state["pending"])).get(sli)
    births = orjson.loads(str(state["births"])).get(sli) if "births" in state else None
    dips = orjson.loads(str(state["dips"])) if "dips" in state else []
    return {
        "format": state["format"],
        "interval_s": state["interval_s"],
        "newest_s": state["newest_s"],
        "tracked": state["tracked"][tracked],
        "watch_place": state["watch_place"][tracked],
        "pending": np.array(orjson.dumps({sli: pending} if pending else {}).decode()),
        "births": np.array(orjson.dumps({sli: births} if births else {}).decode()),
        "dips": np.array(orjson.dumps([dip for dip in dips if dip[0] in ids]).decode()),
        "row": state["row"][row],
        "row_place": state["row_place"][row],
        **({"row_marks": state["row_marks"][row]} if "row_marks" in state else {}),
        "spilled": state["spilled"][spilled],
        "cells_first": state["cells_first"][row],
        "cells_length": state["cells_length"][row],
        "cells": state["cells"][:, np.repeat(row, state["cells_length"])],
        "counter": state["counter"][counter],
        **({"stream": state["stream"][counter]} if "stream" in state else {}),
        "counter_place": state["counter_place"][counter],
    }
