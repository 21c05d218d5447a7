"""What the dialects of other tools share: lenient models, findings, labels, SLIs from PromQL, usable burn-rate rules.

May import what `app.documents` may, and `app.sli`. Start at `parts.py`: a document of another tool is read as that tool
reads it, so an unknown key is a warning here where it is an error in a native document.
"""
