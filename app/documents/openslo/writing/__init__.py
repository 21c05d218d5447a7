"""SLOs of any dialect as objects of OpenSLO v1, and what OpenSLO has no field for.

Start at `objects.py`. What is written is read again before it is used, so that nothing is lost in silence.
"""
