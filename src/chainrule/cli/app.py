"""The command's entry: which subcommand, and one line for whatever goes wrong.

Nothing heavy is imported here, so that `--help` answers at once; a subcommand's module imports what
it needs when it runs.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

from cyclopts import App, CycloptsError

from chainrule.errors import ChainruleError
from chainrule.version import __version__

USER_ERROR, INTERRUPTED = 2, 130
_LESS = "fewer rows or columns take less, and so does fit with --members 1 or --bins 0"
# What the loader of libraries, Python's threads and PyTorch say where the system gives no more memory.
_NO_MEMORY = (
    "failed to map segment from shared object",
    "cannot allocate memory",
    "can't start new thread",
    "can't allocate memory",
)

app = App(
    name="chainrule",
    help="Feed-forward neural networks: from a table to a trained network in milliseconds.",
    help_epilogue="Begin with:  chainrule fit moons",
    version=__version__,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for name, what, example in (
    ("fit", "Fit a network to a table and save it.", "chainrule fit churn.csv --target churn"),
    (
        "predict",
        "Predict each row of a table with a saved model.",
        "chainrule predict churn.safetensors new.csv --out predictions.csv",
    ),
    (
        "compare",
        "Compare optimizers, each with the learning rate that suits it.",
        "chainrule compare moons --optimizers sgd,adam,lbfgs --plot moons.png",
    ),
    (
        "sweep",
        "Try many settings, and fit with the best of them.",
        "chainrule sweep churn.csv --target churn --storage churn.journal",
    ),
    (
        "explain",
        "Show every matrix on the way from a row to its loss, and back.",
        "chainrule explain moons.safetensors moons --row 7",
    ),
    (
        "attribute",
        "Show what each column of a row contributes to what the network says.",
        "chainrule attribute iris.safetensors iris --row 80",
    ),
    (
        "verify",
        "Compute the gradient in independent ways, and compare.",
        "chainrule verify moons.safetensors moons",
    ),
    (
        "health",
        "Find units that do no work and gradients that vanish: advice, with exit code 0.",
        "chainrule health moons.safetensors moons",
    ),
    (
        "draw",
        "Draw a network, its units, or how it sees the data.",
        "chainrule draw moons.safetensors moons --what bending --out bending.png",
    ),
    (
        "play",
        "Open a page in the browser that shows networks while they learn.",
        "chainrule play churn.csv --target churn",
    ),
    (
        "check",
        "Find the mistakes of a set-up in PyTorch before it is trained.",
        "chainrule check train.py:make_setup",
    ),
    (
        "export",
        "Write a model as ONNX, C, a script for PyTorch, or JSON.",
        "chainrule export churn.safetensors --to onnx",
    ),
    (
        "runs",
        "List the runs that `fit --log` kept, compare them, draw their losses.",
        "chainrule runs logs 68a37c 36b633 --plot losses.png",
    ),
    ("info", "Say what a saved model is.", "chainrule info churn.safetensors"),
):
    app.command(
        f"chainrule.cli.{name}:{name}", name=name, help=what, help_epilogue=f"Example:  {example}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Run the command and leave with its exit code: 0, 2 for a user's error, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without our letters shows a ? instead
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """The exit code of the command."""
    try:
        code = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _say(str(error))
    except ChainruleError as error:
        return _say(str(error))
    except BrokenPipeError:
        # Whoever read our output has closed it, as `head` does; nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except (MemoryError, ImportError, RuntimeError, OSError) as error:
        if not _lacks_memory(error):
            return _of_the_system(error)
        return _say(
            f"there is not enough memory ({str(error) or 'the system gives no more'}); {_LESS}"
        )
    return code if isinstance(code, int) else 0


def _of_the_system(error: Exception) -> int:
    """Say what the system refused; anything else is a defect, and shows where.

    Raises:
        Exception: the error, where it is not the system's.
    """
    if not isinstance(error, OSError):
        raise error
    return _say(f"{error.strerror}: {error.filename}" if error.filename else str(error))


def _lacks_memory(error: Exception) -> bool:
    """Whether it was for want of memory: not everything says so by a MemoryError."""
    words = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in words for sign in _NO_MEMORY)


def _say(text: str) -> int:
    print("chainrule: " + " ".join(text.split()), file=sys.stderr)
    return USER_ERROR
