"""From figures to alerts: every alert of every SLO is stepped through one slot, and its notifications are composed.

May import `app.evaluation.figures`, ingest and the core. Start at `judge.py` (burn rates), then `conditions.py` (no
data, no traffic, spent budgets) with `vanished.py` and `traffic.py`. Incidents: `incidents.py`, `since_resolved.py`,
`slots_with_errors.py`. One SLO's failure stops no other: `fault_isolation.py`.
"""
