"""What receivers are notified of, by which labels, and who they are.

Start at `notification.py`; `labels.py` are the labels that receivers get, `relabelling.py` what becomes of
notifications whose labels change, `routing.py` who the receivers are.
"""
