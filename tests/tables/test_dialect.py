"""Separators, headers and decimal marks, sniffed."""

from __future__ import annotations

import pytest

from chainrule.errors import DataError, InvalidValue
from chainrule.tables.dialect import BLANKS, separator_named, sniff


def sniffed(text, **how):
    return sniff(text.splitlines(keepends=True), True, "x.csv", **how)


@pytest.mark.parametrize(
    ("text", "separator", "names"),
    [
        ("a,b\n1,2\n", ",", ("a", "b")),
        ("a;b\n1;2\n", ";", ("a", "b")),
        ("a\tb\n1\t2\n", "\t", ("a", "b")),
        ("a|b\n1|2\n", "|", ("a", "b")),
        ("a b\n1  2\n 3 4\n", BLANKS, ("a", "b")),
        ("a;b\n1,5;2,5\n", ";", ("a", "b")),
        ("a;b\nx,y;z\nu,v;w\n", ";", ("a", "b")),
        ("1,5;2,5\n3,5;4,5\n", ";", ("column_1", "column_2")),
        ("a\n1\n", ",", ("a",)),
        ("when\n2020-01-01 10:00\n", ",", ("when",)),
        ('"a,b",c\n1,2\n', ",", ("a,b", "c")),
        ("\n\na,b\n1,2\n", ",", ("a", "b")),
        (" a , b\n1,2\n", ",", ("a", "b")),
        (",a\n0,1\n", ",", ("unnamed_1", "a")),
    ],
)
def test_separator_and_names(text, separator, names):
    dialect = sniffed(text)
    assert (dialect.separator, dialect.names) == (separator, names)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("a,b\n1,2\n", True),
        ("1,2\n3,4\n", False),
        ("5.1,3.5,setosa\n4.9,3.0,virginica\n", False),
        ("length,width,2020\n4.9,3.0,7\n", True),
        ("name,town\nann,rome\nbob,oslo\n", True),
        ("p,x,s\ne,x,y\np,b,w\n", False),
        ("?,3.5,a\n4.9,3.0,b\n", False),
        ("a,b\n", True),
        ("1,2\n", False),
        ("a,b\n,\n", True),
        ("NA,2\n1,3\n", False),
        ("-1e5,.5\n1,inf\n", False),
    ],
)
def test_header(text, header):
    dialect = sniffed(text)
    assert (dialect.names[0] != "column_1") == header
    assert dialect.skip == int(header)


def test_known_names_decide():
    text = "ann,rome\nbob,oslo\n"
    assert sniffed(text, known=["ann"]).names == ("ann", "rome")
    assert sniffed(text, known=["column_1", "column_2"]).names == ("column_1", "column_2")
    assert sniffed("7,a\n1,2\n", known=["7"]).names == ("7", "a")


def test_a_spelling_of_missing_is_no_header():
    assert sniffed("x1,3.5\n1,2.5\nx1,1\n", na=["x1"]).names == ("column_1", "column_2")


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("a;b\n1,5;2\n", ","),
        ("a;b\n1.5;2\n", "."),
        ("a;b\n1.5;2,5\n", "."),
        ("a,b\n1,5\n", "."),
        ("a;b\n1;2\n", "."),
    ],
)
def test_decimal_mark(text, decimal):
    assert sniffed(text).decimal == decimal


def test_the_count_line_of_scikit_learn():
    dialect = sniffed("3,2,setosa,virginica\n5.1,3.5,0\n4.9,3.0,1\n4.7,3.2,0\n")
    assert dialect.names == ("column_1", "column_2", "class")
    assert dialect.classes == ("setosa", "virginica")
    assert dialect.skip == 1


@pytest.mark.parametrize("text", ["3,2,a\n1,2,7\n4,5,1\n", "3,2,5\n1,2,0\n", "3,1,a,b\n"])
def test_what_only_resembles_a_count_line(text):
    """A class without a name, a number for a name, nothing to count."""
    assert sniffed(text).classes == ()


def test_a_separator_at_the_end_of_every_line():
    assert sniffed("a,b,\n1,2,\n").trailing
    assert not sniffed("a,b,\n1,2,3\n").trailing


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,c\n1,2\n", "x.csv: line 2 has 2 fields, the first has 3"),
        ("a,b\n1,2\n1,2,3\n", "x.csv: line 3 has 3 fields, the first has 2"),
        ("a,b\n\n1,2\n\n1\n", "x.csv: line 5 has 1 field, the first has 2"),
        ("a,b\n1\n2,3\n", "x.csv: line 2 has 1 field, the first has 2"),
        (
            'a,b,c\n1,"2\n3,4,5\n',
            "line 3 has 2 fields, the first has 3; is a quote left open on line 2",
        ),
        ("a,b,a\n1,2,3\n", "x.csv: column name 'a' stands twice \\(columns 1 and 3\\)"),
        ("\n \n", "x.csv is empty: it holds blank lines only"),
        ("a,b\n1," + "y" * 140_000 + "\n", "x.csv: line 2: field larger than field limit"),
    ],
)
def test_bad_files(text, words):
    with pytest.raises(DataError, match=words):
        sniffed(text)


def test_separators_by_name():
    assert separator_named("tab") == separator_named("\\t") == separator_named("\t") == "\t"
    assert separator_named("space") == BLANKS
    assert separator_named("#") == "#"
    for name in ("##", '"', "\n", "é", ""):
        with pytest.raises(InvalidValue, match="a separator is one character"):
            separator_named(name)
