"""`compare`: which optimizer, and with which learning rate?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from time import perf_counter

import numpy as np
import numpy.typing as npt

from chainrule import chance
from chainrule.arrays import DType
from chainrule.comparison.bench import Bench
from chainrule.comparison.entries import DEFAULT, Rates, named, rates_given, whole, with_rate
from chainrule.comparison.result import Comparison, Contender, common_loss, sorted_by
from chainrule.comparison.search import RateSearch, among, search
from chainrule.comparison.trial import Trial, run
from chainrule.engines import choose, compiled
from chainrule.engines.native_engine import predictor
from chainrule.explanation.drawing.plane import look
from chainrule.explanation.subject import Subject
from chainrule.network import Network
from chainrule.optimizers import Optimizer, make
from chainrule.training import rows
from chainrule.training.fitting import classification_scores, regression_scores
from chainrule.training.pool import Pool
from chainrule.training.problem import Problem
from chainrule.views import words

SEARCH_SEEDS = 5  # trainings that judge a learning rate, with seeds of their own

Rows = npt.NDArray[np.int64]


def compare(
    data: object,
    target: str | npt.ArrayLike | None = None,
    *,
    optimizers: Sequence[str | Optimizer] = DEFAULT,
    learning_rates: Rates = "auto",
    repeats: int = 5,
    epochs: int | None = None,
    batch_size: int | None = None,
    hidden: Sequence[int] | None = None,
    activation: str = "relu",
    task: str | None = None,
    validation: float | None = None,
    search_steps: int = 5000,
    sort: str = "loss",
    seed: int = 0,
    threads: int | None = None,
    engine: str = "auto",
    dtype: DType = "float32",
    na: Sequence[str] = (),
    progress: bool = False,
) -> Comparison:
    """Train the same network by several optimizers, each with the learning rate that suits it.

    In each repeat all optimizers begin with the same weights and see the same mini-batches in the
    same order; each repeat has a seed of its own, and so has each training that judges a rate.

    Args:
        data: a file, the name of a built-in table, a frame, a mapping of columns, or rows (n, d).
        target: the column to learn, the last one without it; or, beside rows (n, d), targets (n,).
        optimizers: names, or optimizers with settings of their own.
        learning_rates: "auto" searches for each optimizer's best, by the worst of five
            trainings; "own" takes those the optimizers have; else a rate, or several to choose among.
        repeats: trainings of each optimizer, 1 or more.
        epochs: passes over the rows; 100 for the shapes that are drawn, else 50.
        batch_size: rows per update; 10 for the shapes, else about a hundred steps an epoch.
            Optimizers that need all rows get them.
        hidden: sizes of the hidden layers; 20, 40, 20 for the shapes, else 64, 64.
        activation: of the hidden layers.
        task: "classification" or "regression"; inferred from the target without it.
        validation: share of the rows set aside for the scores, 0 for none; None takes fresh points
            for a shape, else a fifth.
        search_steps: updates of a training that judges a learning rate, to the next whole epoch;
            where an epoch has more, it is one of so many, on rows chosen by chance.
        sort: "loss", "score", "steps", "time", "rate", or "given".
        seed: of the choice of rows and of the first repeat; the others follow it.
        threads: trainings at a time; one a core without it.
        engine: as in `train`.
        dtype: float32 or float64.
        na: texts that mean a missing value in a file.
        progress: show how many trainings are done, on standard error.

    Returns:
        A `Comparison`; print it, `plot` it, or take it as a `frame`.

    Raises:
        ChainruleError: something given does not fit; the text says what.
    """
    began = perf_counter()
    whole("repeats", repeats)
    whole("search_steps", search_steps)
    given = rates_given(learning_rates)
    entered = with_rate(named(optimizers), given)
    bench = Bench.of(
        data, target, batch_size=batch_size, hidden=hidden, activation=activation, task=task,
        validation=validation, seed=seed, engine=engine, dtype=dtype, na=na,
    )  # fmt: skip
    epochs = bench.usual_epochs if epochs is None else whole("epochs", epochs)
    for optimizer in entered.values():  # what cannot be is refused before the work
        bench.plan(optimizer, bench.network(seed), seed)
    workers = _threads(threads, bench)
    with Pool(workers, progress) as pool:
        searched: dict[str, RateSearch] = {}
        if learning_rates == "auto" or (given is not None and len(given) > 1):
            searched = _search(bench, entered, given, epochs, search_steps, pool, seed + repeats)
        rated = {
            name: make(rule, searched[name].best) if name in searched else rule
            for name, rule in entered.items()
        }
        calls = [
            partial(run, bench, rule, seed + i, epochs, pool.stop)
            for rule in rated.values()
            for i in range(repeats)
        ]
        trials = pool.run("trainings", calls)
    contenders = [
        _contender(bench, name, rule, trials[k * repeats : (k + 1) * repeats], searched.get(name))
        for k, (name, rule) in enumerate(rated.items())
    ]
    tried = sum(len(found.reached) for found in searched.values()) * SEARCH_SEEDS
    steps = max(each.steps_per_epoch for each in contenders) * epochs
    summary = [
        *bench.summary(),
        f"runs     {words.many(len(contenders) * repeats, 'training')} of {words.many(epochs, 'epoch')},"
        f" at most {words.many(steps, 'step')}; {tried:,} more to find the learning rates",
    ]
    found = _judged(bench, contenders, summary, sort)
    found.seconds = perf_counter() - began
    found.summary.append(f"time     {words.time(found.seconds)} on {words.many(workers, 'thread')}")
    return found


def _search(
    bench: Bench,
    entered: Mapping[str, Optimizer],
    given: Sequence[float] | None,
    epochs: int,
    steps: int,
    pool: Pool,
    first_seed: int,
) -> dict[str, RateSearch]:
    """The rate of each optimizer that does not find its own: the best of all, or of those given."""
    wanting = {name: rule for name, rule in entered.items() if not rule.finds_rate}
    seeds = range(first_seed, first_seed + SEARCH_SEEDS)
    length, which = _search_length(bench, epochs, steps, first_seed)

    def reach(jobs: Sequence[tuple[Optimizer, float]]) -> list[float]:
        calls = [
            partial(run, bench, make(rule, rate), seed, length, pool.stop, which)
            for rule, rate in jobs
            for seed in seeds
        ]
        finals = [trial.final for trial in pool.run("learning rates", calls)]
        return [max(finals[i : i + len(seeds)]) for i in range(0, len(finals), len(seeds))]

    return search(wanting, reach) if given is None else among(wanting, given, reach)


def _search_length(bench: Bench, epochs: int, steps: int, seed: int) -> tuple[int, Rows | None]:
    """The epochs of a training that judges a rate, and its rows where all would be too many."""
    n, batch = len(bench.problem.X), bench.batch_size or bench.usual_batch
    per_epoch = rows.steps_per_epoch(n, batch)
    if per_epoch <= steps:
        return min(epochs, -(-steps // per_epoch)), None
    chosen = chance.permutation(n, chance.key(seed, chance.Stream.SPLIT))[: steps * batch]
    return 1, np.sort(chosen)


def _contender(
    bench: Bench, name: str, rule: Optimizer, trials: list[Trial], searched: RateSearch | None
) -> Contender:
    n, batch = len(bench.problem.X), bench.plan(rule, trials[0].network, 0).batch_size
    scores = [
        score(bench.problem, trial.network)
        for trial in trials
        if trial.diverged is None and bench.problem.validation is not None
    ]
    return Contender(name, rule, batch, rows.steps_per_epoch(n, batch), trials, scores, searched)


def _judged(bench: Bench, contenders: list[Contender], summary: list[str], sort: str) -> Comparison:
    problem = bench.problem
    common = common_loss(contenders)
    ordered = sorted_by(sort, contenders, common)
    metric = "accuracy" if problem.target.classes else "R²"
    seen = [_typical(each) for each in ordered]
    subjects = [Subject.of_problem(problem, trial.network) for trial in seen]
    lookout, regions = look(subjects[0]), []
    if lookout is not None:
        regions = [
            lookout.region(subject, each.name, _note(each, trial, metric))
            for subject, each, trial in zip(subjects, ordered, seen, strict=True)
        ]
    return Comparison(bench.title, summary, metric, ordered, common, sort, 0.0, lookout, regions)


def _typical(each: Contender) -> Trial:
    """The middle one of its trials; one that diverged if all did."""
    middle = max(len(each.finished) - 1, 0) // 2
    return sorted(each.trials, key=lambda trial: trial.final)[middle]


def _note(each: Contender, trial: Trial, metric: str) -> str:
    """What stands below a contender's name."""
    if trial.diverged is not None:
        return "diverged"
    if metric != "accuracy" or not each.scores:
        return ""
    return words.score(each.score, metric) + " right"


def score(problem: Problem, network: Network) -> float:
    """Accuracy or R² on the rows that were not trained on."""
    assert problem.validation is not None
    X, y = problem.validation
    z = predictor(network, 1)(X)
    if not problem.target.classes:
        return regression_scores(np.asarray(y, np.float64), z[:, 0].astype(np.float64))["r2"]
    p = np.hstack([1 - z, z]) if z.shape[1] == 1 else z
    return classification_scores(y, p)["accuracy"]


def _threads(threads: int | None, bench: Bench) -> int:
    """How many trainings at a time: only the compiled engine leaves the interpreter to others."""
    if threads is not None:
        return whole("threads", threads)
    chosen, _ = choose(bench.plan(make("sgd"), bench.network(0), 0), bench.engine)
    return compiled.cores() if chosen.name == "native" else 1
