"""JSON routes over the status board."""
