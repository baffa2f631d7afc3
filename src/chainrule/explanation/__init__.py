"""One network, seen from inside: what it computes for a row, why, and whether that is right."""
