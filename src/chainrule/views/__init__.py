"""Words and pictures: what was found, drawn from plain arrays."""
