"""Damaged copies of valid files: what chance, a wire and a malicious hand do to bytes and to JSON."""

from __future__ import annotations

import json
import random
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

LONGEST = 1 << 16  # bytes of an input

_LENGTHS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
_WORDS = (
    b"1e999", b"-1e999", b"1e-320", b"nan", b"-nan", b"inf", b"Infinity", b"-0", b"0x10", b"1_000", b"9" * 400, b"1.5e", b"--1", b"1,5",
    b"", b" ", b'"', b'""', b"'", b"\\", b"\n", b"\r", b"\r\n", b"\t", b";", b"|", b",", b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xe2\x80\xa8",
    b"NA", b"null", b"true", b"False", b"2024-02-30", b"0000-00-00", b"9999-12-31T23:59:59.999999999Z", b"12:00", b"{", b"}", b"[", b"]", b"{}", b"[[[[",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e-320, 1e308, 1e39, 2**31, 2**32, 2**63, 2**64, -(2**63), 10**30, 10**400, float("nan"), float("inf"),
    "", "1", "nan", "relu", "softmax", "sgd", "number", "text", "\0", "\ud800", "x" * 300, [], {}, [[]], [1], ["a"], [None], [[1], [2, 3]], {"": 0}, {"name": "adam"},
)  # fmt: skip


def mutated(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """One of the seeds after one to eight changes."""
    data = chance.choice(seeds)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        data = chance.choice(_WAYS)(data, seeds, chance)
    return data[:LONGEST]


def _flipped(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _overwritten(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    at, width = chance.randrange(len(data) + 1), chance.choice((1, 1, 4))
    return data[:at] + chance.randbytes(width) + data[at + width :]


def _with_length(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """A whole number of one to eight bytes put anywhere, often at the ends, where formats keep lengths."""
    width = chance.choice((1, 2, 4, 8))
    value = chance.choice(_LENGTHS) & (1 << 8 * width) - 1
    at = chance.choice((0, len(data) - 8, len(data) - 4, chance.randrange(len(data) + 1)))
    return _put(data, max(0, at), value.to_bytes(width, chance.choice(("little", "big"))))


def _put(data: bytes, at: int, field: bytes) -> bytes:
    return data[:at] + field + data[at + len(field) :]


def _cut(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _span(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + int(2 ** chance.uniform(0, 8)))


def _without(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + data[end:]


def _repeated(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:end] + data[start:end] * chance.choice((1, 1, 2, 100)) + data[end:]


def _spliced(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(seeds)
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


def _worded(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + chance.choice(_WORDS) + data[chance.choice((start, end)) :]


def _numbered(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """A number in the text becomes another."""
    found = list(re.finditer(rb"\d+", data[:LONGEST]))
    if not found:
        return _worded(data, seeds, chance)
    at = chance.choice(found)
    word = chance.choice((*_WORDS, str(chance.choice(_LENGTHS)).encode()))
    return data[: at.start()] + word + data[at.end() :]


_WAYS: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    _flipped, _overwritten, _with_length, _cut, _without, _repeated, _spliced, _worded, _numbered,
)  # fmt: skip


def changed(value: Any, chance: random.Random) -> Any:
    """JSON in which one to three places are other values, gone, there twice, or somewhere else."""
    holder = {"": json.loads(json.dumps(value))}
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        _change_one(holder, chance)
    return holder.get("")


def _change_one(holder: dict[str, Any], chance: random.Random) -> None:
    places = list(_places(holder))
    parent, key = chance.choice(places)
    other_parent, other_key = chance.choice(places)
    match chance.randrange(7):
        case 0 if isinstance(parent, list):
            parent.insert(key, _copied(parent[key]))
        case 1 if parent is not holder:
            del parent[key]
        case 2 if isinstance(parent, dict) and parent is not holder:
            parent[str(chance.choice(_VALUES))[:20]] = parent.pop(key)
        case 3:
            parent[key] = _copied(other_parent[other_key])
        case 4:
            parent[key] = [parent[key]] if chance.random() < 0.9 else _deep(chance)
        case 5 if type(parent[key]) in (int, float):
            number = parent[key]
            parent[key] = chance.choice((number + 1, -number, number * 1.0 if abs(number) < 1e99 else 0.5, str(number)[:99]))  # fmt: skip
        case _:
            parent[key] = _copied(chance.choice(_VALUES))


def _places(value: Any) -> Any:
    """Every place in it: what holds it, and under which key."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in entries:
        yield value, key
        if isinstance(each, (dict, list)):
            yield from _places(each)


def _copied(value: Any) -> Any:
    return json.loads(json.dumps(value)) if isinstance(value, (dict, list)) else value


def _deep(chance: random.Random) -> Any:
    value: Any = []
    for _ in range(chance.choice((10, 200))):
        value = [value]
    return value


def safetensors_parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and what follows it."""
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def safetensors_of(header: dict[str, Any], rest: bytes) -> bytes:
    """A safetensors file with a header, whatever it says."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + rest
