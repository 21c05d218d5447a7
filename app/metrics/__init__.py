"""Our own instruments, and the collector that turns snapshots into Prometheus metrics."""
