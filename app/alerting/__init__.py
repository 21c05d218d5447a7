"""When an alert fires and resolves: the default tiers, and the life cycle as one pure `step`.

Pure: no IO. May import `app.slo` only.
"""
