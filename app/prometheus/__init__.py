"""The Prometheus HTTP API: client, pure decoder, error tree.

Knows nothing of SLOs.
"""
