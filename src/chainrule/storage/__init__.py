"""The fitted model, and the file that it is kept in."""

from __future__ import annotations

from chainrule.storage.atomic import check_target, replacing
from chainrule.storage.file import load, save
from chainrule.storage.model import Model
from chainrule.storage.trained import Trained

__all__ = ["Model", "Trained", "check_target", "load", "replacing", "save"]
