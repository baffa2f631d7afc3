"""The JSON in a model file: everything that is not an array.

Version 2 is an object with the fields

    format           "chainrule"
    format_version   2
    library_version  of the library that trained the model
    checksum         CRC-32 of the other fields and the arrays; see `checksum`
    plan             `Plan.as_dict`
    share            what the first network counts in the mean of all
    others           of each other network an object with its plan and its share
    encoder          `Encoder.to_json`, or null
    target           `TargetEncoder.to_json`, or null
    history          a summary of the training
    engine           what trained it

Version 1 is the same with one network, without `share` and `others`. Version 0 is version 1 without
`history`, and calls the plan's `layer_sizes` `sizes`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias
from zlib import crc32

import numpy.typing as npt

from chainrule.errors import ModelFileError
from chainrule.plan import Plan
from chainrule.storage.model import Model
from chainrule.version import __version__

Document: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, npt.NDArray[Any]]

FORMAT = "chainrule"
VERSION = 2
_TYPES: dict[str, tuple[type, ...]] = {
    "format": (str,),
    "format_version": (int,),
    "library_version": (str,),
    "checksum": (int,),
    "plan": (dict,),
    "share": (float,),
    "others": (list,),
    "encoder": (dict, type(None)),
    "target": (dict, type(None)),
    "history": (dict,),
    "engine": (dict,),
}


def describe(model: Model) -> Document:
    """The document of a model, without its checksum."""
    return {
        "format": FORMAT,
        "format_version": VERSION,
        "library_version": model.version,
        "plan": model.plan.as_dict(),
        "share": float(model.share),
        "others": [{"plan": o.plan.as_dict(), "share": float(o.share)} for o in model.others],
        "encoder": None if model.encoder is None else model.encoder.to_json(),
        "target": None if model.target is None else model.target.to_json(),
        "history": model.history,
        "engine": model.engine,
    }


def parse(text: str) -> Document:
    """The document that stands in a file, of whatever version up to this one, as it stands there.

    Raises:
        ModelFileError: it is no JSON object, of another format, or of a newer version.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"its description is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelFileError("its description is not one of a chainrule model")
    version = document.get("format_version")
    if type(version) is not int or version < 0:
        raise ModelFileError(f"its format_version is not a whole number, but {version!r}")
    if version > VERSION:
        raise ModelFileError(
            f"it is of format version {version}; chainrule {__version__} reads versions up to "
            f"{VERSION}: a newer chainrule is needed"
        )
    return document


def upgrade(document: Document) -> Document:
    """A document of any version as one of this version, with fields of the right types.

    Raises:
        ModelFileError: a field is missing, unknown, or of another type.
    """
    for version in range(document["format_version"], VERSION):
        document = UPGRADERS[version](document) | {"format_version": version + 1}
    for name in _TYPES:
        part(document, name)
    for name in document:
        if name not in _TYPES:
            raise ModelFileError(f"its description has an unknown field {name!r}")
    return document


def part(document: Document, name: str) -> Any:
    """A field of a document.

    Raises:
        ModelFileError: it is missing or of another type.
    """
    if name not in document:
        raise ModelFileError(f"its description lacks {name!r}")
    types = _TYPES[name]
    if type(document[name]) not in types:
        wanted = " or ".join("null" if t is type(None) else _JSON_NAMES[t] for t in types)
        raise ModelFileError(f"{name!r} in its description is not {wanted}")
    return document[name]


def networks(document: Document) -> list[tuple[Plan, float]]:
    """The plan and the share of each network, the first one first.

    Raises:
        ModelFileError: an entry of `others` is not a plan with a share.
        InvalidValue, UnknownName: as `Plan.from_dict`.
    """
    first = {"plan": document["plan"], "share": document["share"]}
    entries = [first, *document["others"]]
    for entry in entries:
        whole = isinstance(entry, dict) and entry.keys() == first.keys()
        if not whole or type(entry["plan"]) is not dict or type(entry["share"]) is not float:
            raise ModelFileError("an entry of 'others' in its description is no plan with a share")
    return [(Plan.from_dict(entry["plan"]), entry["share"]) for entry in entries]


def checksum(document: Document, arrays: Arrays) -> int:
    """CRC-32 of the document, less its checksum, with sorted keys, and of the arrays by name.

    It finds damage, not malice.
    """
    rest = {name: value for name, value in document.items() if name != "checksum"}
    total = crc32(json.dumps(rest, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name].astype(arrays[name].dtype.newbyteorder("<"), order="C", copy=False)
        total = crc32(array.data, crc32(name.encode(), total))
    return total


def _from_0(document: Document) -> Document:
    plan = dict(part(document, "plan"))
    if "sizes" not in plan or "layer_sizes" in plan:
        raise ModelFileError("the plan in its description lacks 'sizes'")
    plan["layer_sizes"] = plan.pop("sizes")
    return {**document, "plan": plan, "history": {}}


def _from_1(document: Document) -> Document:
    return {**document, "share": 1.0, "others": []}


# From a version to the next.
UPGRADERS: dict[int, Callable[[Document], Document]] = {0: _from_0, 1: _from_1}

_JSON_NAMES = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    list: "a list",
}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse_constant(digits)
