"""The model file: safetensors, with a JSON document in its metadata; or a network alone, as JSON.

The arrays are W_r and b_r of each layer, by the lecture's numbers (1 is the output layer), those of
a second network 2.W_r and 2.b_r, and so on; and encoder.center, encoder.spread and encoder.fill. The
metadata has one entry, "chainrule", which `document` describes.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from chainrule.errors import ChainruleError, InvalidValue, MissingFile, ModelFileError
from chainrule.network import Layer, Network
from chainrule.plan import Plan
from chainrule.storage import document
from chainrule.storage.atomic import write
from chainrule.storage.document import Arrays, Document
from chainrule.storage.model import Model
from chainrule.storage.trained import Trained
from chainrule.tables import Encoder, TargetEncoder

KEY = "chainrule"
_SCALES = {f"encoder.{name}": name for name in ("center", "spread", "fill")}
_DTYPES = {"float32": "F32", "float64": "F64"}
_LONGEST = 400  # characters of a refusal; it may quote the file


def save(model: Model | Network, path: str | os.PathLike[str]) -> None:
    """Write a model, or a network alone, into one file.

    Until the new file is complete and on the disk, the path leads to the old one.

    Args:
        model: what to keep.
        path: by custom it ends in .safetensors. A network alone may go into a .json file, to be
            read and changed by hand.

    Raises:
        MissingFile: the folder is not there.
        InvalidValue: a parameter is not finite, an activation is not the library's, the path is a
            folder's, or a whole model is to go into a .json file.
        ModelFileError: the system does not let it be written; the text says why.
    """
    data = _as_json(model) if _by_hand(path) else _as_safetensors(model)
    write(path, data)


def _as_json(model: Model | Network) -> bytes:
    if isinstance(model, Model):
        raise InvalidValue(
            "a .json file holds a network alone, without columns and classes; "
            "give the model's file the ending .safetensors, or save model.network"
        )
    return model.to_json().encode()


def _as_safetensors(model: Model | Network) -> bytes:
    model = Model.of(model) if isinstance(model, Network) else replace(model)  # checked once more
    arrays = _arrays(model)
    _check_finite(arrays)
    described = document.describe(model)
    described["checksum"] = document.checksum(described, arrays)
    return safetensors.numpy.save(arrays, {KEY: json.dumps(described)})


def load(path: str | os.PathLike[str]) -> Model:
    """The model that `save` wrote, in this version or an older one; or the network in a .json file.

    Nothing in the file is trusted or run, and no more is read into memory than the file holds. What
    a .json file holds is described in `Network.from_json`.

    Raises:
        MissingFile: there is no such file.
        ModelFileError: it cannot be read, is no model file, or does not add up; the text says
            which.
    """
    if not os.path.exists(path):
        raise MissingFile(f"there is no model file {os.fspath(path)}")
    try:
        _check_regular(path)
        if _by_hand(path):
            return Model.of(Network.from_json(Path(path).read_text(encoding="utf-8")))
        _check_size(path)
        with safe_open(path, framework="numpy") as file:
            return _model(file)
    except UnicodeDecodeError as error:
        raise _refusal(path, "it is no text in UTF-8") from error
    except SafetensorError as error:
        raise _refusal(path, f"it is cut short or damaged ({error})") from error
    except OSError as error:
        raise _refusal(path, f"it cannot be read ({error.strerror or error})") from error
    except RecursionError as error:
        raise _refusal(path, "its description nests too deep") from error
    except ChainruleError as error:
        raise _refusal(path, str(error)) from error


def _refusal(path: str | os.PathLike[str], reason: str) -> ModelFileError:
    """The error in one line, of bounded length."""
    words = " ".join(reason.split())
    more = " …" if len(words) > _LONGEST else ""
    return ModelFileError(f"{os.fspath(path)}: {words[:_LONGEST]}{more}")


def _by_hand(path: str | os.PathLike[str]) -> bool:
    """Whether the file holds a network as JSON."""
    return Path(path).suffix.lower() == ".json"


def _check_regular(path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ModelFileError("it is a folder or a device, not a file")


def _check_size(path: str | os.PathLike[str]) -> None:
    """Hold the length that the header claims against the size of the file."""
    with open(path, "rb") as file:
        size, start = os.fstat(file.fileno()).st_size, file.read(9)
    if not size:
        raise ModelFileError("it is empty")
    if start[8:] != b"{":
        raise ModelFileError("it is no model file: it does not begin as a safetensors file does")
    header = int.from_bytes(start[:8], "little")
    if header > size - 8:
        raise ModelFileError(
            f"it is cut short or damaged: its header takes {header} bytes, and {size - 8} follow"
        )


def _model(file: Any) -> Model:
    """The model in an open file; no array is read before its shape is known to be right."""
    metadata = file.metadata() or {}
    if KEY not in metadata:
        raise ModelFileError(f"it is a safetensors file, but its metadata have no {KEY!r}")
    stored = document.parse(metadata[KEY])
    current = document.upgrade(stored)
    networks = document.networks(current)
    plans = [plan for plan, _ in networks]
    _check_declared(file, plans, with_encoder=current["encoder"] is not None)
    arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if document.checksum(stored, arrays) != stored["checksum"]:
        raise ModelFileError("it is damaged: its checksum is not that of its content")
    _check_finite(arrays)
    return _assembled(current, networks, arrays)


def _assembled(current: Document, networks: Sequence[tuple[Plan, float]], arrays: Arrays) -> Model:
    first, *others = (
        Trained(_network(number, plan, arrays), plan, share)
        for number, (plan, share) in enumerate(networks, 1)
    )
    encoder, target = current["encoder"], current["target"]
    scales = {short: arrays[name] for name, short in _SCALES.items() if name in arrays}
    return Model(
        network=first.network,
        plan=first.plan,
        encoder=None if encoder is None else Encoder.from_json(encoder, scales),
        target=None if target is None else TargetEncoder.from_json(target),
        history=current["history"],
        engine=current["engine"],
        version=current["library_version"],
        share=first.share,
        others=tuple(others),
    )


def _network(number: int, plan: Plan, arrays: Arrays) -> Network:
    names = (_names(number, r) for r in range(len(plan.activations), 0, -1))
    return Network(
        [
            Layer(arrays[W], arrays[b], phi)
            for (W, b), phi in zip(names, plan.activations, strict=True)
        ]
    )


def _names(number: int, r: int) -> tuple[str, str]:
    """What W and b of layer r of the network of a number, from 1, are called in the file."""
    network = "" if number == 1 else f"{number}."
    return f"{network}W_{r}", f"{network}b_{r}"


def _arrays(model: Model) -> Arrays:
    """The arrays of a model by their names in the file."""
    arrays: Arrays = {}
    for number, member in enumerate(model.members, 1):
        for r in range(len(member.network.layers), 0, -1):
            layer = member.network.layer(r)
            arrays |= dict(zip(_names(number, r), (layer.W, layer.b), strict=True))
    if model.encoder is not None:
        numbers = model.encoder.arrays()
        arrays |= {name: numbers[short] for name, short in _SCALES.items()}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _check_finite(arrays: Arrays) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InvalidValue(f"{name} holds numbers that are not finite")


def _check_declared(file: Any, plans: Sequence[Plan], with_encoder: bool) -> None:
    """Hold what the file declares of its arrays against the plans.

    Raises:
        ModelFileError: an array is missing, unknown, or of another shape or type.
    """
    shapes = {
        name: (shape, plan.dtype)
        for number, plan in enumerate(plans, 1)
        for name, shape in _layer_shapes(number, plan)
    }
    declared = set(file.keys())
    for name in sorted(declared ^ (shapes.keys() | (_SCALES.keys() if with_encoder else set()))):
        has = "has an array that does not belong there" if name in declared else "lacks the array"
        raise ModelFileError(f"it {has}: {name!r}")
    for name in sorted(declared):
        entry = file.get_slice(name)
        shape, dtype = tuple(entry.get_shape()), entry.get_dtype()
        planned, of_type = shapes.get(name, (shape[:1], "float64"))
        wanted = _DTYPES[of_type]
        if dtype != wanted:
            raise ModelFileError(f"{name} is of type {dtype}, where {wanted} belongs")
        if shape != planned:
            raise ModelFileError(f"{name} has shape {shape}, which contradicts its description")


def _layer_shapes(number: int, plan: Plan) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names and shapes of the arrays of a network's layers, from input to output."""
    for i, (d, e) in enumerate(pairwise(plan.layer_sizes)):
        W, b = _names(number, len(plan.activations) - i)
        yield W, (d, e)
        yield b, (e,)
