"""All targets by name."""

from __future__ import annotations

from . import descriptions, engine, model_files, tables
from .target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (*model_files.TARGETS, *tables.TARGETS, *descriptions.TARGETS, *engine.TARGETS)
}
