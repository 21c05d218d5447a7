"""Documents of Sloth: `version: prometheus/v1`, the custom resource of the same content, and AlertWindows.

Source: https://sloth.dev/usage/slos/, https://pkg.go.dev/github.com/slok/sloth/pkg/prometheus/api/v1 and
https://pkg.go.dev/github.com/slok/sloth/pkg/kubernetes/api/sloth/v1

Start at `dialect.py`. `model.py` has the keys of both spellings, `catalogue.py` the windows, `slis.py` what is counted,
`plugins.py` the SLI plugins of sloth-common.
"""

from app.documents.sloth.dialect import SlothDialect

__all__ = ["SlothDialect"]
