"""`chainrule check`: what is wrong with a set-up in PyTorch?"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from chainrule.torch.diagnosis import Findings

NAMES = ("module", "loss_fn", "optimizer", "X", "y", "step", "predict")
FOUND = 1  # the exit code with findings


def check(
    setup: str,
    /,
    *,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Find the mistakes of a set-up in PyTorch before it is trained.

    The function returns (module, loss_fn, optimizer, X, y), or a dictionary with these names and,
    if you like, step and predict. The exit code is 0 when nothing was found, 1 with findings, 2 for
    wrong use.

    Args:
        setup: a Python file and a function in it without arguments, as train.py:make_setup.
        json_: print the report as one JSON object.
    """
    with redirect_stdout(sys.stderr) if json_ else nullcontext():  # what the user's file prints
        found = _checked(setup)
    print(json.dumps(found.as_dict(), ensure_ascii=False) if json_ else str(found))
    return FOUND if found else 0


def _checked(setup: str) -> Findings:
    from chainrule.errors import InvalidValue
    from chainrule.torch import check as examined

    file, colon, name = setup.rpartition(":")
    if not colon or not file or not name.isidentifier():
        raise InvalidValue(f"a file and a function in it, as train.py:make_setup; got {setup!r}")
    path = Path(file)
    with _importable(path.resolve().parent):
        return examined(**_arguments(setup, _function(path, name)))


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """The folder's modules can be imported, as from a script that stands in it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _arguments(setup: str, function: Callable[[], Any]) -> dict[str, Any]:
    """What the function returns, by name.

    Raises:
        InvalidValue: it raises, or returns something else.
    """
    from chainrule.errors import InvalidValue

    try:
        made = function()
    except (Exception, SystemExit) as error:  # the user's code
        raise InvalidValue(f"{setup} raises {_said(error)}") from error
    if isinstance(made, tuple | list) and 2 < len(made) <= 5:
        return dict(zip(NAMES, made, strict=False))
    if not isinstance(made, Mapping):
        raise InvalidValue(
            f"{setup} returns (module, loss_fn, optimizer, X, y) or a dictionary with these names; "
            f"got {type(made).__name__}"
        )
    return _named(setup, made)


def _named(setup: str, made: Mapping[Any, Any]) -> dict[str, Any]:
    from chainrule.errors import InvalidValue, unknown

    for key in made:
        if key not in NAMES:
            raise unknown("argument of the check", key, NAMES)
    absent = [name for name in ("module", "loss_fn", "X") if name not in made]
    if absent:
        raise InvalidValue(f"{setup} returns a dictionary without {', '.join(absent)}")
    return dict(made)


def _function(path: Path, name: str) -> Callable[[], Any]:
    """A function of a file, which is run as a module.

    Raises:
        MissingFile: there is no such file.
        InvalidValue: it is no Python, it raises, or it has no such function.
    """
    from chainrule.errors import InvalidValue, MissingFile

    if not path.is_file():
        raise MissingFile(f"no such file: {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InvalidValue(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # where classes look for their module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's code
        raise InvalidValue(f"{path} raises {_said(error)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise InvalidValue(f"{path} has no function {name}")
    return function  # type: ignore[no-any-return]


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
