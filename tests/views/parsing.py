"""A page, parsed as a browser does, and texts from outside that are attacks."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

EVIL = (
    "</script><script>alert(1)</script><img src=https://a.example/ onerror=alert(2)>"
    "<a href='javascript:alert(3)'>a</a>\"'&amp;%{x}"
)
VOID = {"meta", "link", "img", "path", "polygon"}


class Document(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def figures(self) -> dict[str, dict[str, Any]]:
        (found,) = [
            text
            for text, attributes in zip(self.texts["script"], self.all("script"), strict=True)
            if attributes.get("type") == "application/json"
        ]
        return {figure["key"]: figure for figure in json.loads(found)}
