"""The demo: a small shop, a month of its history, and everything that watches it, on loopback.

Stands beside the service and uses only its vocabulary (`app.slo`); `app.cli` registers `demo.cli` as `sloburn demo`.
Start reading in `stack.py`; the shop's endpoints are in `endpoints.py`.
"""
