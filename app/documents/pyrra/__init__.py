"""Documents of Pyrra: `pyrra.dev/v1alpha1`, kind ServiceLevelObjective.

Source: https://github.com/pyrra-dev/pyrra#specification-and-api and its slo/rules.go

Start at `dialect.py`. `model.py` has the keys, `windows.py` the burn-rate rules, `slis.py` what is counted.
"""

from app.documents.pyrra.dialect import PyrraDialect

__all__ = ["PyrraDialect"]
