"""The beginning of the file: how it is called, and what it declares."""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.export.c.frame import Frame
from chainrule.export.c.words import comment
from chainrule.tables.features import Category, Date
from chainrule.tables.target import Label
from chainrule.version import __version__

_SHOWN = 3  # columns in the example


def head(frame: Frame) -> str:
    """The first comment and the declarations."""
    upper = frame.upper
    return "\n".join(
        [
            "/*",
            *(f" * {line}".rstrip() for line in _said(frame)),
            " */",
            f"#ifndef {upper}_H",
            f"#define {upper}_H",
            "#include <math.h>",
            "",
            *_declarations(frame),
            "",
            f"#endif /* {upper}_H */",
            "",
            f"#ifndef {upper}_DECLARATIONS",
            "",
            f"typedef {frame.real[0]} {frame.prefix}_real; /* as it was trained */",
            "",
        ]
    )


def label_type(classes: tuple[Label, ...]) -> str:
    """The type of a constant for any of these labels."""
    kinds = {type(label) for label in classes}
    if str in kinds:
        return "const char *const"
    return "const double" if float in kinds else "const long long" if int in kinds else "const int"


def has_dates(frame: Frame) -> bool:
    """Whether a column holds dates."""
    return any(isinstance(column, Date) for _, column in frame.columns)


def _said(frame: Frame) -> Iterator[str]:
    p, upper = frame.prefix, frame.upper
    yield f"{comment(frame.formula.title, 90)}; written by chainrule {__version__}."
    yield ""
    yield "C99 and math.h, nothing else: no memory is allocated, and threads may call it at once."
    yield ""
    if frame.columns:
        yield f"    struct {p}_row row;"
        yield from (f"    row.{_example(frame, j)}" for j in range(len(frame.columns))[:_SHOWN])
        yield from ["    …"] * (len(frame.columns) > _SHOWN)
    else:
        yield f"    double row[{upper}_INPUTS];"
    yield f"    double answer[{upper}_ANSWERS];"
    yield f"    int result = {p}_predict({'&' * bool(frame.columns)}row, answer);"
    yield ""
    yield _meaning(frame)
    refused = "infinite or a boolean is neither 0 nor 1" if frame.columns else "not finite"
    yield f"The result is -1, and no answer is given, where a number is {refused}."
    yield ""
    yield f"Other files that call it define {upper}_DECLARATIONS before they include this one."


def _example(frame: Frame, j: int) -> str:
    """A line that sets a member."""
    name, column = frame.columns[j]
    match column:
        case Category():
            return f'{name} = "…"; // UTF-8; 0 where it is missing'
        case Date():
            return (
                f"{name} = {frame.prefix}_days(2024, 2, 29) + 0.5; // noon; NAN where it is missing"
            )
    if column.kind == "boolean":
        return f"{name} = 1; // or 0; NAN where it is missing"
    return f"{name} = 1.5; // NAN where it is missing"


def _meaning(frame: Frame) -> str:
    formula, p = frame.formula, frame.prefix
    match formula.answer:
        case "classes":
            what = f"the most probable is {p}_labels[result]"
            return f"The answer is the probability of each class; {what}."
        case "questions":
            return "The answer is the probability of yes to each question; the result is 0."
        case "quantiles":
            levels = ", ".join(f"{level:g}" for level in formula.levels)
            what = f"answer[{formula.middle}] is the prediction; the result is 0"
            return f"The answer is the quantiles at {levels}, of which {what}."
        case "numbers":
            return "The answer is the prediction; the result is 0."
    return "The answer is what the network gives; the result is 0."


def _declarations(frame: Frame) -> Iterator[str]:
    p, upper = frame.prefix, frame.upper
    if frame.columns:
        yield f"struct {p}_row {{"
        for text, (_, column) in zip(frame.declared, frame.columns, strict=True):
            yield f"    {text}; /* {column.kind}: {comment(column.name)} */"
        yield "};"
    else:
        yield f"#define {upper}_INPUTS {frame.formula.inputs}"
    yield f"#define {upper}_ANSWERS {frame.answers}"
    if frame.formula.answer == "classes":
        yield f"extern {label_type(frame.formula.classes)} {p}_labels[{upper}_ANSWERS];"
    yield f"{frame.signature};"
    if has_dates(frame):
        yield f"double {p}_days(int year, int month, int day); /* since 1970-01-01, in universal time */"
