"""The outbox to its receivers, each in a module of its own."""
