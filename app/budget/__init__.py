"""The mathematics of error budgets: SLI, burn rate, budget, exhaustion.

Pure: no IO. May import `app.slo` only.
"""
