"""How much one visitor, and all of them together, may ask of the machine; the page says so."""

from __future__ import annotations

VISITORS = 8  # pages that train at the same time
CONNECTIONS = 64  # of all kinds, at the same time
LANES = 8
LAYERS, UNITS = 8, 64  # hidden layers, and units of each
CLASSES = 20
ROWS, COLUMNS = 100_000, 300  # of a table
UPLOAD, UNPACKED = 32 << 20, 128 << 20  # bytes of a file, and of what is in it
UPLOAD_SECONDS = 120.0
TABLES = 8  # that are kept; the one that was not used for the longest time makes room
POINTS = 2_000  # added by hand; and as many are shown
CHANGES = 2_000  # made by hand while networks learn
STEPS = 1_000_000_000  # of one training
MESSAGE = 1 << 20  # bytes of a message from the page
WAITING = 64  # messages that wait to be worked on, or to be sent
FRAMES = 30  # a second


def as_dict() -> dict[str, int | float]:
    """The limits by name, as the page is told."""
    return {name.lower(): value for name, value in globals().items() if name.isupper()}
