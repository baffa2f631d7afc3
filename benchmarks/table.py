"""Comparisons as text for a person and as plain data for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness import Comparison, Entry, Spread
from benchmarks.works import BEST

OURS = "chainrule"
SECONDS = {"µs": 1e6, "ms": 1e3, "s": 1.0}
"""How many of each make a second."""
YARDSTICKS = ("sgemm-one", "sgemm-all")


@dataclass(frozen=True)
class Subject:
    """What a comparison was about, as far as a table needs it.

    ``units`` of ``unit`` make up a sample, shown in ``time``; ``flops`` is the work of one unit, None where
    that says nothing; ``check`` names the number that each contender's result was judged by,
    ``start`` what it was before.
    """

    title: str
    unit: str
    units: int = 1
    time: str = "µs"
    start: float | None = None
    flops: int | None = None
    check: str = ""
    goals: Mapping[str, float] = field(default_factory=dict)
    sgemm_goal: float | None = None
    limits: Mapping[str, float] = field(default_factory=dict)


def gflops(subject: Subject, entry: Entry) -> float | None:
    """10⁹ operations a second at the median."""
    if subject.flops is None:
        return None
    return subject.flops * subject.units / entry.seconds.median / 1e9


def verdict(reached: bool, comparison: Comparison) -> str:
    """Whether a goal is reached; a disturbed comparison judges none."""
    if comparison.disturbed:
        return "not judged"
    return "reached" if reached else "missed"


def peers(comparison: Comparison) -> list[str]:
    return [entry.key for entry in comparison.entries if entry.key not in (OURS, *YARDSTICKS)]


def ratios(comparison: Comparison) -> dict[str, Spread]:
    """Each measured peer's time over ours."""
    if not comparison.measured(OURS):
        return {}
    present = [key for key in peers(comparison) if comparison.measured(key)]
    return {key: comparison.ratio(key, OURS) for key in present}


def goal_of(subject: Subject, comparison: Comparison, key: str) -> float | None:
    """The ratio to reach against this peer, by its name or because it is the best."""
    if key == comparison.best(peers(comparison)) and BEST in subject.goals:
        return subject.goals[BEST]
    return subject.goals.get(key)


def text(subject: Subject, comparison: Comparison) -> str:
    """The table: a line per contender, those that are absent too."""
    head = (
        "",
        f"{subject.time} a {subject.unit}",
        "quartiles",
        "chainrule is",
        "quartiles",
        subject.check,
    )
    rows = [[*head, "goal"]]
    notes = []
    for entry in comparison.entries:
        if entry.key in YARDSTICKS:
            continue
        rows.append(_cells(subject, comparison, entry))
        notes += [f"  {entry.name}: {entry.note}"] if entry.note else []
    if subject.start is not None:
        notes.append(f"  loss before the first step: {subject.start:.4g}")
    lines = [*_aligned(rows), *notes, *_summary(subject, comparison), *_warnings(comparison)]
    return "\n".join([subject.title, *lines, ""])


def _warnings(comparison: Comparison) -> list[str]:
    if not comparison.disturbed:
        return []
    names = ", ".join(f"{entry.name} {entry.others:.0%}" for entry in comparison.disturbed)
    return [
        f"  DISTURBED: other processes used the processors ({names} of the machine).",
        "  These figures and ratios are not to be quoted; run again on a quiet machine.",
    ]


def _cells(subject: Subject, comparison: Comparison, entry: Entry) -> list[str]:
    if entry.absent:
        return [entry.name, entry.absent]
    seconds, scale = entry.seconds, SECONDS[subject.time] / subject.units
    cells = [entry.name, _short(seconds.median * scale)]
    cells.append(f"{_short(seconds.low * scale)} – {_short(seconds.high * scale)}")
    ratio = ratios(comparison).get(entry.key)
    cells += [f"{ratio.median:.3g}×", f"{ratio.low:.3g} – {ratio.high:.3g}"] if ratio else ["", ""]
    cells.append("" if entry.check is None else f"{entry.check:.4g}")
    goal = goal_of(subject, comparison, entry.key)
    told = f"≥ {goal:g}×: {verdict(ratio.median >= goal, comparison)}" if ratio and goal else ""
    cells.append(told)
    return cells


def _short(number: float) -> str:
    """Three significant digits or more, never an exponent."""
    return f"{number:,.0f}" if number >= 1000 else f"{number:#.3g}".rstrip(".")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Names to the left, figures to the right; a row of two cells is a name and a remark."""
    full = [row for row in rows if len(row) > 2]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    widths[0] = max(len(row[0]) for row in rows)
    return [_line(row, widths) for row in rows]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    if len(row) == 2:
        return f"  {row[0]:<{widths[0]}}  {row[1]}"
    *cells, last = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)]
    return f"  {row[0]:<{widths[0]}}  {'  '.join(cells)}  {last.strip()}".rstrip()


def _summary(subject: Subject, comparison: Comparison) -> list[str]:
    if not comparison.measured(OURS):
        return []
    return [*_sgemm_lines(subject, comparison), *_limit_lines(subject, comparison)]


def shares(subject: Subject, comparison: Comparison) -> dict[str, float]:
    """chainrule's rate over NumPy's sgemm rate, on one core and on all."""
    if not comparison.measured(OURS):
        return {}
    rate = gflops(subject, comparison[OURS])
    present = [key for key in YARDSTICKS if comparison.measured(key)]
    return {key: rate * comparison[key].seconds.median for key in present} if rate else {}


def _sgemm_lines(subject: Subject, comparison: Comparison) -> list[str]:
    rate = gflops(subject, comparison[OURS])
    lines = [f"  chainrule: {rate:.1f} GFLOP/s"] if rate else []
    for key, share in shares(subject, comparison).items():
        sgemm = comparison[key]
        told = f"  {share:.0%} of {sgemm.name}, {1 / sgemm.seconds.median:.1f} GFLOP/s"
        if key == "sgemm-one" and subject.sgemm_goal is not None:
            reached = verdict(share >= subject.sgemm_goal, comparison)
            told += f"; goal ≥ {subject.sgemm_goal:.0%}: {reached}"
        lines.append(told)
    return lines


def _limit_lines(subject: Subject, comparison: Comparison) -> list[str]:
    """Peak memory of all, and the limits on chainrule's own seconds and MiB."""
    peaks = [(entry.name, entry.peak_mib) for entry in comparison.entries if entry.peak_mib]
    lines = [f"  {name}: {peak:.0f} MiB at its peak" for name, peak in peaks]
    ours = {"s": comparison[OURS].seconds.median, "MiB": comparison[OURS].peak_mib}
    for unit, limit in subject.limits.items():
        value = ours[unit]
        if value is not None:
            reached = verdict(value <= limit, comparison)
            lines.append(f"  chainrule: {value:.3g} {unit}; goal ≤ {limit:g} {unit}: {reached}")
    return lines


def data(subject: Subject, comparison: Comparison) -> dict[str, Any]:
    """The same, and every sample, for JSON."""
    return {
        "title": subject.title,
        "unit": subject.unit,
        "units": subject.units,
        "flops_per_unit": subject.flops,
        "check": subject.check,
        "check_at_start": subject.start,
        "disturbed": bool(comparison.disturbed),
        "entries": [_entry_data(subject, comparison, entry) for entry in comparison.entries],
        "share_of_sgemm": shares(subject, comparison),
        "goals": {"ratios": dict(subject.goals), "limits": dict(subject.limits)}
        | {"share_of_sgemm": subject.sgemm_goal},
    }


def _entry_data(subject: Subject, comparison: Comparison, entry: Entry) -> dict[str, Any]:
    common: dict[str, Any] = {"key": entry.key, "name": entry.name}
    if entry.absent:
        return common | {"absent": entry.absent, "failed": entry.failed}
    found = common | {
        "version": entry.version,
        "seconds": vars(entry.seconds),
        "samples": [sample.seconds for sample in entry.samples],
        "note": entry.note,
        "peak_mib": entry.peak_mib,
        "share_of_others": entry.others,
    }
    if entry.key in YARDSTICKS:
        return found | {"gflops": 1 / entry.seconds.median}
    ratio = ratios(comparison).get(entry.key)
    return found | {
        "us_per_unit": entry.seconds.median * 1e6 / subject.units,
        "check": entry.check,
        "gflops": gflops(subject, entry),
        "ratio": vars(ratio) if ratio else None,
        "goal": goal_of(subject, comparison, entry.key),
    }
