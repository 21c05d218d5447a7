"""The ledger: good and bad events per slot as numpy arrays; counting, gaps, resolutions.

Pure: no IO. May import `app.slo` only. Start at `counting.py`.
"""
