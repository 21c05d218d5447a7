"""One instance of ingest for each source, so that the trouble of one is none of the others (ADR-0091).

Start at `source_ingest.py`; `ingests.py` has all of them, and says which an evaluation waits for.
"""
