"""The kinds of SLIs, one module each: what its key is, what it asks for, what its series count for, what it is called.

Core: no IO. May import `app.slo`, whose `Sli` each kind implements, and `app.promql`. Start at `weighted_sum.py`.
A further kind is a module here and a model of its document in `app.documents.native`.
"""

from app.sli.bad_ratio import BadRatio
from app.sli.good_ratio import GoodRatio
from app.sli.histogram_threshold import HistogramThreshold, picks_bucket

__all__ = ["BadRatio", "GoodRatio", "HistogramThreshold", "picks_bucket"]
