"""Licence and notices: what is used is named, and under which terms."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
CLASSIFIERS = {
    "Apache-2.0": "Apache Software License",
    "MIT": "MIT License",
    "PSF-2.0": "Python Software Foundation License",
    "BSD-2-Clause": "BSD License",
    "BSD-3-Clause": "BSD License",
}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def dependencies() -> set[str]:
    """The packages that pyproject.toml names, for use, for each extra and for building."""
    told = project()
    extras = chain.from_iterable(told["project"]["optional-dependencies"].values())
    named = [*told["build-system"]["requires"], *told["project"]["dependencies"], *extras]
    found = {re.match(r"[\w.-]+", each)[0].lower() for each in named}  # type: ignore[index]
    return found - {"chainrule"}


def notices() -> dict[str, str]:
    """Packages and the licences that the notices say they have."""
    text = (ROOT / "THIRD_PARTY_NOTICES.md").read_text()
    return dict(re.findall(r"^\| ([\w.-]+) \| ([^|]+?) \|", text, re.MULTILINE)[1:])


def test_the_notices_name_every_direct_dependency() -> None:
    assert dependencies() - set(notices()) == set()


@pytest.mark.parametrize("package", sorted(dependencies()))
def test_a_licence_is_the_one_that_the_package_states(package: str) -> None:
    try:
        stated = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed: an extra that the tests do not need")
    licence = notices()[package]
    if stated["License-Expression"]:
        assert licence == stated["License-Expression"]
        return
    told = f"{stated['License']} {stated.get_all('Classifier')} {licence_file(package)}"
    name = licence.partition("-")[0]
    assert CLASSIFIERS.get(licence, "?") in told or re.search(rf"\b{name}\b", told), told[:500]


def licence_file(package: str) -> str:
    files = [each for each in metadata.files(package) or [] if "LICENSE" in each.name.upper()]
    return files[0].read_text()[:2000] if files else ""


def test_what_is_compiled_in_has_its_notice_in_full() -> None:
    text = (ROOT / "THIRD_PARTY_NOTICES.md").read_text()
    assert "Copyright (c) 2022 Wenzel Jakob" in text  # nanobind
    assert "Redistributions in binary form must reproduce the above copyright notice" in text
    assert "Copyright (c) 2017 Thibaut Goetghebuer-Planchon" in text  # robin-map
    assert "The above copyright notice and this permission notice shall be included" in text


def test_the_licence_is_apache_2_and_the_package_says_so() -> None:
    told = project()["project"]
    text = (ROOT / "LICENSE").read_text()
    assert told["license"] == "Apache-2.0"
    assert text.lstrip().startswith("Apache License\n                           Version 2.0")
    assert len(text.splitlines()) == 202
    assert "Typing :: Typed" in told["classifiers"]
    assert (ROOT / "src" / "chainrule" / "py.typed").exists()
    for name in told["license-files"]:
        assert (ROOT / name).stat().st_size > 100, name


def test_the_commands_of_contributing_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    extras = project()["project"]["optional-dependencies"]
    (wanted,) = re.findall(r"pip install -c constraints.txt -e '\.\[(.*?)\]'", text)
    assert set(wanted.split(",")) <= set(extras)
    for script in re.findall(r"`(scripts/\w+)`", text):
        assert (ROOT / script).stat().st_mode & 0o111, script
    for path in re.findall(r"\]\(([\w./]+)\)", text):
        assert (ROOT / path).exists(), path


def test_every_version_that_the_changelog_names_has_its_date_and_the_newest_is_first() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(.*?)\](?: – (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    assert len(versions) == len(re.findall(r"^## ", text, re.MULTILINE))
    assert all(date for _, date in versions)
    numbers = [tuple(map(int, version.split("."))) for version, _ in versions]
    assert numbers == sorted(numbers, reverse=True)
    sections = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert sections <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
