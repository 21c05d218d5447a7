"""YAML files with positions: their values, what is wrong with them and where, and what to write instead.

Used for SLO documents (`app.documents`) and for receivers and routes (`app.integrations.config`). May import `app.slo`.
Start at `tree.py`, which reads YAML; `scalars.py` are single values, `findings.py` what is said about a file.
"""

from app.yamldoc.findings import ErrorFinding, Finding, HintFinding, LossFinding, Place, WarningFinding

__all__ = ["ErrorFinding", "Finding", "HintFinding", "LossFinding", "Place", "WarningFinding"]
