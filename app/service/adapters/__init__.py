"""Implements the ports of API and UI over the engine and the store.

`api_adapters.py` has incidents, documents and burn-downs; `chart_adapters.py` the past of one SLO; `adjusted_days.py`
days without what has been adjusted of them. May import what the service may; begin at `api_adapters.py`.
"""
