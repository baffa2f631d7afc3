"""The report on a fitted estimator: one page with what it learned from, what it says and where it errs.

Every number about predictions comes from those out of fold: no network is asked about a row that
it trained on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.sklearn.report.classes import confusion_section
from chainrule.sklearn.report.data import data_section
from chainrule.sklearn.report.effects import COLUMNS, effects_section
from chainrule.sklearn.report.fitted import Fitted, as_estimator
from chainrule.sklearn.report.importance import importance, importance_section
from chainrule.sklearn.report.members import curves_section, networks_section
from chainrule.sklearn.report.numbers import residuals_section
from chainrule.sklearn.report.probabilities import probability_section
from chainrule.sklearn.report.scores import facts, scores, scores_section
from chainrule.sklearn.report.worst import worst_section
from chainrule.views.exhibits import Fact, Facts, Section

__all__ = ["Report", "report"]


@dataclass(frozen=True)
class Report:
    """What a page on an estimator shows.

    Attributes:
        title: stands above.
        lede: a sentence below it.
        facts: the numbers that matter most.
        sections: tables, bars and charts, as plain data.
    """

    title: str
    lede: str
    facts: Sequence[Fact]
    sections: Sequence[Section]

    def __getitem__(self, heading: str) -> Section:
        """The section of that heading.

        Raises:
            KeyError: there is none.
        """
        return {section.heading: section for section in self.sections}[heading]

    def html(self) -> str:
        """The page: one HTML document that asks nobody for anything.

        Raises:
            MissingExtra: plotly is not installed.
        """
        from chainrule.views import page

        return page.report(self.title, self.lede, Facts(self.facts), self.sections)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page whole, or not at all.

        Raises:
            MissingExtra: plotly is not installed.
            ChainruleError: the folder is not there, or the name is that of a folder.
        """
        from chainrule.views.files import save_page

        save_page(self.html(), path)


def report(
    estimator: object,
    X: Any,
    y: Any,
    *,
    title: str | None = None,
    target: str | None = None,
    sample_weight: Any = None,
) -> Report:
    """The report on a fitted `Classifier` or `Regressor`.

    Args:
        estimator: it was fitted with `fit`.
        X: the very table that it was fitted on.
        y: its targets.
        title: stands above.
        target: what is learned; the name of y without it.
        sample_weight: the weights that it was fitted with, (n,).

    Raises:
        InvalidValue: it was not fitted, or not on these rows.
        ShapeError: there are more or fewer rows than were fitted.
    """
    fitted = Fitted.of(as_estimator(estimator), X, y, sample_weight, target)
    found = scores(fitted)
    name = type(fitted.estimator).__name__
    lede = f"{name}: {_learned(fitted)}."
    sections = list(_sections(fitted))
    sections.insert(1, scores_section(fitted, found))
    return Report(title or f"Report on a {name}", lede, facts(fitted, found), sections)


def _learned(fitted: Fitted) -> str:
    if fitted.multilabel:
        return (
            f"{fitted.target}, {len(fitted.classes):,} labels of a row, each with its probability"
        )
    if fitted.classes:
        return f"{fitted.target}, one of {len(fitted.classes):,} classes, with their probabilities"
    return f"{fitted.target}, learned by the loss {fitted.estimator.loss_}"


def _sections(fitted: Fitted) -> Iterator[Section]:
    yield data_section(fitted)
    if fitted.known.any():
        if fitted.classes:
            yield confusion_section(fitted)
            yield probability_section(fitted)
        else:
            yield residuals_section(fitted)
    found = importance(fitted)
    order = list(fitted.estimator.encoder_.kinds) if found is None else found.names
    if found is not None:
        yield importance_section(fitted, found)
    yield effects_section(fitted, order[:COLUMNS])
    if fitted.known.any():
        yield worst_section(fitted, order)
    yield networks_section(fitted)
    yield curves_section(fitted)
