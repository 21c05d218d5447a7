"""One tick: plan, ask, count, compute, step alerts, commit; and the backfill of history."""
