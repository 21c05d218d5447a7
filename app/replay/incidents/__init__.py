"""Incidents of the past, and how good alerts were at them.

`found.py` finds them in counts, `files.py` reads those that people name, `scoring.py` judges alerts.
"""
