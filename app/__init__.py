"""Sloburn: SLO error budgets over Prometheus.

Each folder has one purpose; its ``__init__`` says what for, and what it may import.
The way of the data is in ``CONTRIBUTING.md``.
"""
