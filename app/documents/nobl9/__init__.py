"""Documents of Nobl9: `n9/v1alpha` with SLOs over Prometheus and their alert policies.

Source: https://docs.nobl9.com/yaml-guide and https://github.com/nobl9/nobl9-go/tree/main/manifest/v1alpha

Start at `dialect.py`. `model.py` has the keys, `slos.py` the SLOs, `alerting.py` the alert policies.
"""

from app.documents.nobl9.dialect import Nobl9Dialect

__all__ = ["Nobl9Dialect"]
