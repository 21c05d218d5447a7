"""SLOs of Datadog, as its API answers them: one, or a list of them.

Source: https://docs.datadoghq.com/api/latest/service-level-objectives/

Start at `dialect.py`. `model.py` has the keys, `slis.py` what is counted.
"""

from app.documents.datadog.dialect import DatadogDialect

__all__ = ["DatadogDialect"]
