"""A small shop with a month of history, and the stack around it, to try Sloburn on."""
