"""What others rely on does not change unnoticed."""

from __future__ import annotations

import difflib
from types import SimpleNamespace
from typing import Any

import pytest
from tests import public

import chainrule


def test_names_signatures_and_options_are_those_that_were_agreed_on() -> None:
    there = public.listing()
    assert " at 0x" not in there  # what would differ from run to run
    changes = difflib.unified_diff(
        public.FILE.read_text(encoding="utf-8").splitlines(), there.splitlines(),
        "tests/public.txt", "what is there", lineterm="", n=1,
    )  # fmt: skip
    said = "\n".join(changes)
    assert not said, f"if this is meant, run `python tests/public.py` and commit it:\n{said}"


def test_a_change_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = public.listing()

    def compare(X: Any, y: Any = None) -> None: ...

    monkeypatch.setattr(chainrule, "compare", compare)
    monkeypatch.setattr(chainrule, "Plan", SimpleNamespace())
    changed = set(public.listing().splitlines()) ^ set(before.splitlines())
    assert {line.partition("(")[0] for line in changed} >= {"compare", "class Plan"}
    assert "compare(X: Any, y: Any = None) -> None" in changed
