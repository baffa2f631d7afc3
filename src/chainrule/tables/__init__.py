"""From files and frames to the matrices that networks train on, and back."""

from __future__ import annotations

from chainrule.tables.builtin import BUILTIN, SHAPES, builtin, is_builtin
from chainrule.tables.encoder import Encoder
from chainrule.tables.kinds import Kind
from chainrule.tables.reading import read_chunks, read_table
from chainrule.tables.table import Table
from chainrule.tables.target import Supervised, TargetEncoder, infer_task, split_target

__all__ = [
    "BUILTIN",
    "SHAPES",
    "Encoder",
    "Kind",
    "Supervised",
    "Table",
    "TargetEncoder",
    "builtin",
    "infer_task",
    "is_builtin",
    "read_chunks",
    "read_table",
    "split_target",
]
