"""From SLIs and slots to the PromQL that is sent; the only package that writes PromQL.

Pure: no IO. May import `app.slo` only. `selector_text.py` parses and renders selectors, `matching.py` decides which
series belong to which selector, `plan.py` packs the selectors of many SLOs into few queries.
"""
