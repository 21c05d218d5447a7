"""Service levels of New Relic, as NerdGraph answers them.

Source: https://docs.newrelic.com/docs/apis/nerdgraph/examples/nerdgraph-slm/

Start at `dialect.py`. `model.py` has the keys, `slis.py` what is counted.
"""

from app.documents.newrelic.dialect import NewRelicDialect

__all__ = ["NewRelicDialect"]
