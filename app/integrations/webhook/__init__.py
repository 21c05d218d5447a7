"""Any webhook, in Alertmanager's JSON."""
