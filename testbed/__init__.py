"""What tests and benchmarks run on: real servers on loopback, a shop that breaks, traces whose true counts are known.

It may import the service; neither tests nor benchmarks. Start reading in `servers.py` (Prometheus, Alertmanager,
VictoriaMetrics as context managers), `stack.py` (all of them around the service) and `traces.py`.
"""
