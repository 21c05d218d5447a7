"""SLO documents to `Slo` values; errors with file, line and field.

May import `app.slo`, `app.promql` and `app.alerting`; the only room that reads YAML.
"""
