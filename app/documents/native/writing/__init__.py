"""SLOs of any dialect as native documents, in the fewest keys that say the same.

Start at `documents.py`. What is written is read again before it is used, so that nothing is lost in silence.
"""
