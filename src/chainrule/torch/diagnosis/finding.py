"""What is wrong with a set-up, and the report that lists it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, overload

from chainrule.torch.diagnosis.codes import WHY
from chainrule.views.words import many

WIDTH = 80


@dataclass(frozen=True)
class Finding:
    """One mistake in a set-up.

    Attributes:
        code: its name, which stays the same: `chainrule.torch.diagnosis.codes.WHY` has all of them.
        what: what was seen.
        where: the layer, the parameter or the argument.
        why: what it costs.
        fix: the line that mends it.
    """

    code: str
    what: str
    where: str
    why: str
    fix: str

    def __str__(self) -> str:
        """In lines of 80 characters."""
        head = textwrap.wrap(f"{self.code}: {self.where}", WIDTH)
        said = (("what", self.what), ("why", self.why), ("mend", self.fix))
        return "\n".join((*head, *(_paragraph(label, text) for label, text in said)))


def finding(code: str, what: str, where: str, fix: str) -> Finding:
    """A finding with the reason that belongs to its code."""
    return Finding(code, what, where, WHY[code], fix)


@dataclass(frozen=True)
class Findings:
    """The report: a sequence of findings, false when there are none.

    Attributes:
        found: the findings, causes before what follows from them.
        tried: what was looked at.
        left: what was not, and the reason.
    """

    found: tuple[Finding, ...]
    tried: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __bool__(self) -> bool:
        return bool(self.found)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, index: int | slice) -> Finding | tuple[Finding, ...]:
        return self.found[index]

    @property
    def codes(self) -> tuple[str, ...]:
        """The code of each finding."""
        return tuple(each.code for each in self.found)

    def __str__(self) -> str:
        """In lines of 80 characters."""
        parts = [str(each) for each in self.found]
        said = [f"{many(len(self), 'finding')}." if self.found else "Nothing found."]
        said += [f"Tried: {'; '.join(self.tried)}."] if self.tried else []
        said += [f"Not tried: {'; '.join(self.left)}."] if self.left else []
        return "\n\n".join([*parts, "\n".join(line for s in said for line in _wrapped(s))])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """As an element for a notebook."""
        items = "".join(_item(each) for each in self.found)
        said = [f"{many(len(self), 'finding')}." if self.found else "Nothing found."]
        said += [f"Tried: {'; '.join(self.tried)}."] if self.tried else []
        said += [f"Not tried: {'; '.join(self.left)}."] if self.left else []
        return (
            "<div style='line-height:1.5;max-width:50em'>"
            + (f"<ol style='padding-left:1.5em'>{items}</ol>" if items else "")
            + f"<p style='margin:0.3em 0;opacity:0.7'>{escape(' '.join(said))}</p></div>"
        )

    def as_dict(self) -> dict[str, Any]:
        """Of built-in types, as JSON has them."""
        return {
            "findings": [asdict(each) for each in self.found],
            "tried": list(self.tried),
            "not_tried": list(self.left),
        }


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _paragraph(label: str, text: str) -> str:
    """A label and lines beside it; the lines of a code stay apart."""
    lines = [
        part
        for line in text.splitlines()
        for part in textwrap.wrap(line, WIDTH - 8, break_on_hyphens=False)
    ]
    return "\n".join(
        f"  {label if i == 0 else '':<6}{line}".rstrip() for i, line in enumerate(lines)
    )


def _item(each: Finding) -> str:
    return (
        f"<li style='margin:0.4em 0'><b>{escape(each.code)}</b>, {escape(each.where)}<br>"
        f"{escape(each.what)}<br><span style='opacity:0.7'>{escape(each.why)}</span>"
        "<pre style='margin:0.2em 0;white-space:pre-wrap;background:none'>"
        f"{escape(each.fix)}</pre></li>"
    )
