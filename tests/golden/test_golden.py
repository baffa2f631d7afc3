"""The bits that training leaves are those on file: whatever the threads, the instruction set, and where the rows lie."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.golden.plans import ACTIVATIONS, BITS, PLANS, Golden, estimators, hash_of

from chainrule import __version__
from chainrule.activations import ACTIVATIONS as KNOWN_ACTIVATIONS
from chainrule.engines import compiled
from chainrule.losses import LOSSES as KNOWN_LOSSES
from chainrule.optimizers import OPTIMIZERS
from chainrule.training.schedules import SCHEDULES as KNOWN_SCHEDULES

ALL = [Golden(number) for number in range(PLANS)]
Hashes = dict[str, str]


def on_file(isa: str) -> Hashes:
    """The hashes of this version, of plans and of estimators, by an instruction set."""
    path = Path(__file__).with_name(f"{__version__}.json")
    found: Hashes = json.loads(path.read_text())[BITS[isa]]
    return found


@pytest.fixture(params=BITS)
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each instruction set in turn, which the engine then takes; one that the machine lacks is skipped."""
    name = str(request.param)
    if name not in compiled.supported():
        pytest.skip(f"this machine has no {name}, only {', '.join(compiled.supported())}")
    monkeypatch.setattr(compiled, "module", lambda: compiled.module_for(name))
    return name


def is_as_on_file(isa: str, **options: Any) -> None:
    """Train all plans; those whose bits differ are named."""
    found = {plan.name: hash_of([plan.trained(**options).network]) for plan in ALL}
    apart = [name for name in found if found[name] != on_file(isa)[name]]
    assert not apart, f"{len(apart)} of {len(found)} differ: {apart}"


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_and_instruction_sets(isa: str, threads: int) -> None:
    is_as_on_file(isa, threads=threads)


def test_rows_in_a_mapped_file(tmp_path: Path) -> None:
    def mapped(X: Any) -> Any:
        path = tmp_path / "rows.npy"
        np.save(path, X)
        found = np.load(path, mmap_mode="r")
        assert isinstance(found, np.memmap)
        return found

    is_as_on_file(compiled.supported()[0], placed=mapped)


def test_frames_and_arrays(isa: str) -> None:
    by_array, by_frame = estimators(), estimators(lambda X: pd.DataFrame(X).rename(columns=str))
    assert by_array == by_frame == {name: on_file(isa)[name] for name in by_array}


@pytest.mark.parametrize("isa", ["avx2", "portable"])
def test_the_file_has_all_plans(isa: str) -> None:
    found = on_file(isa)
    assert set(found) == {plan.name for plan in ALL} | {"Classifier", "Regressor", "fit_table"}
    assert len(set(found.values())) == len(found)


def test_the_plans_cover_what_there_is() -> None:
    assert len({plan.name for plan in ALL}) == len(ALL) == 40
    assert {plan.rule for plan in ALL} == set(OPTIMIZERS) - {"lbfgs"}
    assert {plan.loss for plan in ALL} == {*KNOWN_LOSSES, "quantile"}
    assert {plan.schedule for plan in ALL} == set(KNOWN_SCHEDULES)
    hidden = {plan.name.split()[2] for plan in ALL if len(plan.sizes) > 2}
    assert hidden == set(ACTIVATIONS) == set(KNOWN_ACTIVATIONS) - {"softmax", "exponential"}
    for dtype in ("float32", "float64"):
        own = [plan for plan in ALL if plan.dtype == dtype]
        assert {plan.loss for plan in own} == {*KNOWN_LOSSES, "quantile"}
        for option in ("dropout", "groups", "penalty"):
            assert {bool(getattr(plan, option)) for plan in own} == {True, False}
    assert any(plan.groups and plan.groups.scales for plan in ALL)
    assert any(plan.is_weighted for plan in ALL)


def test_one_number_that_differs_is_another_hash() -> None:
    network = Golden(0).trained().network
    before = hash_of([network])
    b = network.layers[-1].b
    b[0] = np.nextafter(b[0], np.float32(np.inf))
    assert hash_of([network]) != before


def unsaid(folder: Path, changelog: str) -> list[str]:
    """The releases whose bits are not those of the release before, and whose changelog does not speak of it."""
    files = sorted(folder.glob("*.json"), key=lambda path: [*map(int, path.stem.split("."))])
    told = {part.split("]")[0]: part for part in changelog.split("\n## [")[1:]}
    found = []
    for older, newer in pairwise(files):
        before, after = (json.loads(path.read_text()) for path in (older, newer))
        apart = any(
            plans[plan] != after[isa].get(plan, plans[plan])
            for isa, plans in before.items()
            for plan in plans
        )
        if apart and "other bits" not in told[newer.stem]:
            found.append(newer.stem)
    return found


def test_a_release_with_other_bits_says_so(tmp_path: Path) -> None:
    here = Path(__file__).parent
    changelog = (here.parents[1] / "CHANGELOG.md").read_text()
    assert unsaid(here, changelog) == []
    for version, bits in (("0.9.0", "a"), ("0.10.0", "b"), ("0.11.0", "b"), ("0.12.0", "c")):
        (tmp_path / f"{version}.json").write_text(json.dumps({"avx2": {"plan": bits}}))
    made = "\n## [0.12.0]\n- Fast.\n## [0.11.0]\n## [0.10.0]\n- Trainings give other bits.\n## [0.9.0]\n"
    assert unsaid(tmp_path, made) == ["0.12.0"]
