"""The project's own papers: what the README shows runs, and versions agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import chainrule

ROOT = Path(__file__).parent.parent


def test_the_readmes_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example, with_pytorch, with_scikit_learn = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(example, names)
    result = names["result"]
    assert isinstance(result, chainrule.Result)
    assert result.history.validation_loss[-1] < 0.05
    assert names["probabilities"].shape == (500, 1)  # type: ignore[attr-defined]
    capsys.readouterr()
    exec(with_pytorch, names)
    assert "Nothing found" in capsys.readouterr().out
    logits = names["module"](names["X"])  # type: ignore[operator]
    assert ((logits > 0) == (names["y"] == 1)).float().mean() > 0.95
    exec(with_scikit_learn, names)
    mlp = names["mlp"]
    assert mlp.score(names["X"], names["y"]) > 0.98  # type: ignore[attr-defined]
    assert mlp.engine_.startswith("native (")  # type: ignore[attr-defined]


def test_the_readme_names_every_folder() -> None:
    readme = (ROOT / "README.md").read_text()
    rooms = [path.name for path in (ROOT / "src" / "chainrule").iterdir() if path.is_dir()]
    for folder in [*rooms, "native", "tests", "benchmarks", "docs", "scripts"]:
        assert folder.startswith("__") or f"{folder}/`" in readme, folder


def test_the_changelog_begins_with_this_version() -> None:
    first = re.search(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == chainrule.__version__


def test_every_public_name_is_there() -> None:
    assert chainrule.__all__ == sorted(chainrule.__all__)
    for name in chainrule.__all__:
        assert getattr(chainrule, name) is not None
