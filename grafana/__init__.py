"""Grafana dashboards as code; `python -m grafana.generate` writes them to `dashboards/*.json`.

Imports the Grafana SDK and nothing of the service: what the two share is the names of the metrics. Start at
`overview.py`; `queries.py`, `panels.py` and `colours.py` hold what all dashboards share, `provisioning/` tells
Grafana where to find them.
"""
