"""The inspector sees what a parser would not say, wherever the blocks are cut."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import DataError
from chainrule.tables.lines import LONGEST, Inspected, Inspector, first_lines


def looked_at(data, size, fields=3):
    inspector = Inspector("x", ",", fields)
    for start in range(0, len(data), size):
        inspector.feed(data[start : start + size])
    inspector.close()
    return inspector


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_and_fields_are_counted(size, end, last):
    data = ("1,2,3" + end + "4,5,é" + end + "7,8,9" + end * last).encode()
    inspector = looked_at(data, size)
    assert inspector.lines == 3
    assert inspector.even
    assert not looked_at(data, size, fields=4).even


@pytest.mark.parametrize("size", [1, 2, 7, 100])
@pytest.mark.parametrize(
    "data", [b"1,2\n4,5,6\n", b"1,2,3\n4,5", b'1,2,"3"\n', b"1,2,3\n\n4,5,6\n"]
)
def test_what_counting_cannot_vouch_for(size, data):
    assert not looked_at(data, size).even


@given(
    st.lists(st.lists(st.sampled_from(["", "1", "ab"]), min_size=3, max_size=3)), st.integers(1, 9)
)
def test_even_lines_are_known_to_be_even(rows, size):
    data = "".join(",".join(row) + "\n" for row in rows).encode()
    inspector = looked_at(data, size)
    assert inspector.even
    assert inspector.lines == len(rows)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a,b\n1,\0\n", "line 2 holds NUL bytes: this is a binary file"),
        ("é,ü\nab,".encode() + b"\xe9\n", "line 2, byte 4 \\(0xe9\\) is not UTF-8"),
        (b"a\n1,caf\xc3", "line 2, byte 6 \\(0xc3\\) is not UTF-8"),
        (b"\xe9", "line 1, byte 1 \\(0xe9\\) is not UTF-8"),
    ],
)
def test_bytes_that_are_no_text(size, data, words):
    with pytest.raises(DataError, match=words):
        looked_at(data, size)


def test_a_line_without_end():
    inspector = Inspector("x")
    inspector.feed(b"a\n")
    for _ in range(LONGEST >> 20):
        inspector.feed(b"y" * (1 << 20))
    with pytest.raises(DataError, match="x: line 2 is longer than 16 MB; is this a table"):
        inspector.feed(b"y")


def test_the_first_lines():
    text = "".join(f"{i},é\r\n" for i in range(100_000)).encode()
    lines, whole = first_lines(io.BytesIO(text), "x")
    assert lines[:2] == ["0,é\n", "1,é\n"]
    assert not whole
    assert len(lines) >= 100
    assert lines[-1].endswith("é")  # cut between lines
    assert first_lines(io.BytesIO(b"\xef\xbb\xbfa\rb"), "x") == (["a\n", "b"], True)


def test_a_reader_gets_what_the_inspector_saw():
    inspector = Inspector("x", ",", 2)
    with io.BufferedReader(Inspected(io.BytesIO(b"1,2\n3,4"), inspector)) as file:
        assert file.read() == b"1,2\n3,4"
    assert inspector.lines == 2
    assert inspector.even
