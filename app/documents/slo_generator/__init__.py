"""Documents of slo-generator: `sre.google.com/v2`, kind ServiceLevelObjective, with the backend Prometheus.

Source: https://github.com/google/slo-generator/blob/master/docs/providers/prometheus.md

Start at `dialect.py`. `model.py` has the keys, `slis.py` what is counted.
"""

from app.documents.slo_generator.dialect import SloGeneratorDialect

__all__ = ["SloGeneratorDialect"]
