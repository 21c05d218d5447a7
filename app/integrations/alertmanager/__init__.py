"""Alertmanager, by its API v2: `cluster.py` is the receiver, `peer.py` one server, `payload.py` what is posted."""
