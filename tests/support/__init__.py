"""What tests stand on: real servers on loopback, and synthetic traces whose true event counts are known.

Start reading in `servers.py` (Prometheus, Alertmanager, VictoriaMetrics as context managers) and `traces.py`.
"""
