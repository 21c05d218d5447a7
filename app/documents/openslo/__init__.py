"""Documents of OpenSLO: v1 with all its kinds, v1alpha and v2alpha.

Source: https://github.com/OpenSLO/OpenSLO#specification and https://github.com/OpenSLO/go-sdk/tree/main/pkg/openslo

Start at `dialect.py`, which gathers the objects of all documents before it reads the SLOs among them. `objects.py` has
what is known of an object of any version, `model.py` the keys of v1 and v2alpha, `v1alpha.py` those of v1alpha,
`windows.py`, `slis.py` and `alerting.py` the parts of an SLO.
"""

from app.documents.openslo.dialect import OpenSloDialect

__all__ = ["OpenSloDialect"]
