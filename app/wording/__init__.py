"""Every sentence about alerts that people read: summaries, descriptions, digests, templates, numbers, links.

Part of the core: no IO, imports `app.alerting` and `app.slo` only. Start at `sentences.py`, the default texts of an
alert; `annotations.py` puts documents' and receivers' own texts (`templates.py`) over them, `messages.py` makes the
headline, text and links of one message, `samples.py` alerts to try templates with.
"""
