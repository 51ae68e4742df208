"""The request-level simulation beside queueing theory.

Each figure is the mean over independent replications, with the standard error between them. A row is good if
theory lies within Z standard errors, and only if these are small enough to see an error of `SEES`.
"""

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.serving.arrivals import Family, Law, Modulated, Renewal, arrivals_s, draw_points
from sim.serving.llm import WORK, LlmService, Table
from sim.serving.requests.single import GAVE_UP, SERVED, SHED, fresh_lines, fresh_requests, serve, waits_ggc
from sim.streams import generator, stream_key
from sim.validation import formulas
from sim.validation.sections import Cell, Section

Floats = NDArray[np.float64]
Draws = Callable[[str], np.random.Generator]

REPLICATIONS = 30
Z = 4.5
"""Of 30 right rows, one fails in 1 of 5,000 runs; the seeds are fixed."""
SEES = 0.03
WARM_UP = 0.1
"""The share of each replication that is not counted."""
POISSON = Renewal()


@dataclass(frozen=True, slots=True)
class Case:
    """What is simulated, what theory says of it, and one replication: draws, requests -> figures."""

    system: str
    figures: dict[str, float]
    replicate: Callable[[Draws, int], tuple[float, ...]]
    requests: int
    """Of a replication in quick mode; four times as many otherwise."""


def theory(*, quick: bool) -> Section:
    """Erlang, Pollaczek-Khinchine and the rest."""
    rows: list[tuple[Cell, ...]] = []
    for case in cases():
        values = _replicated(case, case.requests * (1 if quick else 4))
        means, errors = values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(REPLICATIONS)
        for (name, exact), mean, error in zip(case.figures.items(), means, errors, strict=True):
            sees = 2.0 * Z * float(error) / exact
            good = abs(mean - exact) < Z * error and sees < SEES * (2.0 if quick else 1.0)
            rows.append(
                (
                    case.system,
                    name,
                    exact,
                    float(mean),
                    float((mean - exact) / error),
                    f"{sees:.1%}",
                    bool(good),
                )
            )
    columns = ("system", "figure", "theory", "simulated", "off by, errors", "would see", "")
    notes = (
        "Times are in mean service times. `would see` is the smallest error that the row could not miss "
        f"(2 x {Z:g} standard errors): a row that is too weak fails as well.",
    )
    return Section("Queueing theory", columns, tuple(rows), notes)


def _replicated(case: Case, requests: int) -> Floats:
    """The figures of independent replications, shape [replications, figures]."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        figures = threads.map(lambda n: case.replicate(_draws(case.system, n), requests), range(REPLICATIONS))
        return np.array(list(figures))


def little() -> Section:
    """Little's law on a path: the time integral of the number present is the sum of the times spent."""
    draws = _draws("little", 0)
    count = 200_000
    arrival = draw_points(Renewal(2.0), draws("gaps"), count) / 3.6
    time = draws("times").lognormal(-0.5, 1.0, count)
    spent = waits_ggc(arrival, time, 4) + time
    times = np.concatenate((arrival, arrival + spent))
    order = np.argsort(times, kind="stable")
    present = np.cumsum(np.repeat([1.0, -1.0], count)[order])
    integral = float(np.sum(present[:-1] * np.diff(times[order])))
    off = abs(integral / float(spent.sum()) - 1.0)
    row = ("G/G/4, gaps of cv 2, lognormal", float(spent.sum()), integral, off, off < 1e-9)
    columns = ("system", "sum of times", "integral of number", "relative difference", "")
    return Section("Little's law", columns, (row,))


def cases() -> Iterator[Case]:
    """All systems."""
    for servers, offered, requests in (
        (1, 0.5, 150_000),
        (2, 1.4, 150_000),
        (10, 9.0, 1_000_000),
        (64, 58.0, 2_600_000),
    ):
        waiting = formulas.erlang_c(servers, offered)
        figures = {"P(wait)": waiting, "mean wait": waiting / (servers - offered)}
        yield Case(
            f"M/M/{servers}, {offered:g} erlangs (Erlang C)", figures, _mmc(servers, offered), requests
        )
    yield Case("M/M/10/10, 8 erlangs (Erlang B)", {"P(shed)": formulas.erlang_b(10, 8.0)}, _loss, 60_000)
    given_up, wait = formulas.erlang_a(10, 10.5, 2.0)
    yield Case(
        "M/M/10+M, 10.5 erlangs, patience 2 (Erlang A)",
        {"P(gives up)": given_up, "mean wait": wait},
        _patience,
        100_000,
    )
    for cv in (0.0, math.sqrt(0.5), 2.0):
        name = "M/D/1" if cv == 0.0 else f"M/G/1, cv {cv:.3g} (Pollaczek-Khinchine)"
        figures = {"mean wait": formulas.pollaczek_khinchine(0.6, cv)}
        yield Case(f"{name}, load 0.6", figures, _mg1(cv), 120_000 if cv < 1 else 800_000)
    urgent, routine = formulas.cobham(0.8, 0.5)
    yield Case(
        "M/M/1, two priorities, load 0.8 (Cobham)",
        {"wait, urgent": urgent, "wait, routine": routine},
        _priorities,
        300_000,
    )
    shape, scale = 0.25, 4.0 / 0.7
    yield Case(
        "gamma gaps of cv 2 / M/1, load 0.7",
        {"mean wait": formulas.gim1(lambda s: (1.0 + scale * s) ** -shape)},
        _gm1(Renewal(2.0)),
        500_000,
    )
    yield Case(
        "Weibull gaps of cv 1.5 / M/1, load 0.7",
        {"mean wait": formulas.gim1(_weibull_transform(1.5, 1.0 / 0.7))},
        _gm1(Renewal(1.5, Family.WEIBULL)),
        400_000,
    )
    bursts = Modulated((1.0, 3.0), (20.0, 20.0))
    exact = formulas.mmpp_m1(np.array([1.0, 3.0]), np.array([20.0, 20.0]), 0.5)
    yield Case("MMPP (1, 3 for 20 each) / M/1, load 0.5", {"mean wait": exact}, _gm1(bursts, 0.5), 600_000)
    yield Case(
        "LLM, answers of one token = M/G/1, load 0.6",
        {"mean TTFT": formulas.pollaczek_khinchine(0.6, 1.0 / math.sqrt(3.0)) + 1.0},
        _one_token,
        100_000,
    )
    yield Case(
        "LLM, iterations of k requests take k = M/M/1-PS, load 0.7",
        {"mean time": 1.0 / 0.3, "half, short": 1.0 / 0.3, "half, long": 1.0 / 0.3},
        _shared,
        60_000,
    )


def _draws(system: str, replication: int) -> Draws:
    return lambda name: generator(stream_key(0, replication, f"validate:{system}:{name}"))


def _poisson(draws: Draws, count: int, rate: float) -> Floats:
    return np.cumsum(draws("gaps").exponential(1.0 / rate, count))


def _settled(values: Floats) -> Floats:
    return values[int(WARM_UP * len(values)) :]


def _mmc(servers: int, offered: float) -> Callable[[Draws, int], tuple[float, ...]]:
    def replicate(draws: Draws, count: int) -> tuple[float, ...]:
        wait = _settled(
            waits_ggc(_poisson(draws, count, offered), draws("times").exponential(1.0, count), servers)
        )
        return float(np.mean(wait > 0.0)), float(wait.mean())

    return replicate


def _loss(draws: Draws, count: int) -> tuple[float, ...]:
    requests = fresh_requests(
        _poisson(draws, count, 8.0), draws("times").exponential(1.0, count), math.inf, 0
    )
    serve(requests, fresh_lines(1), np.array([0.0, 1.0]), 10, 0, 0.0)
    return (float(np.mean(_settled(requests["outcome"]) == SHED)),)


def _patience(draws: Draws, count: int) -> tuple[float, ...]:
    patience = draws("patience").exponential(2.0, count)
    requests = fresh_requests(
        _poisson(draws, count, 10.5), draws("times").exponential(1.0, count), patience, 0
    )
    serve(requests, fresh_lines(1), np.array([0.0, 1.0]), 10, count, 0.0)
    served = requests["outcome"] == SERVED
    wait = np.where(served, requests["start_s"] - requests["arrival_s"], patience)
    return float(np.mean(_settled(requests["outcome"]) == GAVE_UP)), float(_settled(wait).mean())


def _mg1(cv: float) -> Callable[[Draws, int], tuple[float, ...]]:
    sigma = math.sqrt(math.log1p(cv**2))

    def replicate(draws: Draws, count: int) -> tuple[float, ...]:
        time = draws("times").lognormal(-(sigma**2) / 2.0, sigma, count)
        return (float(_settled(waits_ggc(_poisson(draws, count, 0.6), time, 1)).mean()),)

    return replicate


def _priorities(draws: Draws, count: int) -> tuple[float, ...]:
    line = (draws("priority").random(count) >= 0.5).astype(np.int64)
    requests = fresh_requests(
        _poisson(draws, count, 0.8), draws("times").exponential(1.0, count), math.inf, line
    )
    serve(requests, fresh_lines(2), np.array([0.0, 1.0]), 1, count, 0.0)
    settled = requests[int(WARM_UP * count) :]
    wait = settled["start_s"] - settled["arrival_s"]
    return float(wait[settled["priority"] == 0].mean()), float(wait[settled["priority"] == 1].mean())


def _gm1(law: Law, load: float = 0.7) -> Callable[[Draws, int], tuple[float, ...]]:
    def replicate(draws: Draws, count: int) -> tuple[float, ...]:
        if isinstance(law, Modulated):
            arrival = law.warped(np.cumsum(draws("gaps").exponential(1.0, count)), load, draws("states"))
        elif isinstance(law, Renewal):
            arrival = np.cumsum(law.gaps(draws("gaps"), count)) / load
        else:
            arrival = arrivals_s(law, draw_points(law, draws("gaps"), count), load)
        return (float(_settled(waits_ggc(arrival, draws("times").exponential(1.0, count), 1)).mean()),)

    return replicate


def _weibull_transform(cv: float, mean: float) -> Callable[[float], float]:
    """The Laplace transform of Weibull gaps, as the mean of exp(-s x) over quantiles of equal probability."""
    from sim.distributions import weibull_from_mean_cv

    u = (np.arange(400_000) + 0.5) / 400_000
    x = weibull_from_mean_cv(mean, cv).quantile(u)
    return lambda s: float(np.exp(-s * x).mean())


def _one_token(draws: Draws, count: int) -> tuple[float, ...]:
    """Prompts of 1 .. 1000 tokens take 0 .. 2: uniform, cv 1 / sqrt(3), mean 1 (but for the granularity)."""
    service = LlmService(
        np.ones((1, 2), np.int64), Table.of([(1, 0.001), (1000, 1.999)]), Table.of([(1, 1.0)]), 4
    )
    work = np.zeros(count, WORK)
    work["prompt"], work["answer"] = draws("prompts").integers(1, 1001, count), 1
    return (float(_settled(service.answer(_poisson(draws, count, 0.6), work, 1).first_s).mean()),)


def _shared(draws: Draws, count: int) -> tuple[float, ...]:
    """Answers of 1,000 tokens on the average; an iteration takes a thousandth for each request in it."""
    quantum, most = 1e-3, 512
    service = LlmService(
        np.ones((1, 2), np.int64),
        Table.of([(1, 1e-9), (2, 1e-9)]),
        Table.of([(1, quantum), (most, most * quantum)]),
        most,
    )
    work = np.zeros(count, WORK)
    size = draws("answers").exponential(1.0, count)
    work["prompt"], work["answer"] = 1, 1 + np.ceil(size / quantum)
    spent = service.answer(_poisson(draws, count, 0.7), work, 1).last_s
    size, spent = _settled(size), _settled(spent)
    short = size < math.log(2.0)
    return (
        float(spent.mean()),
        float(spent[short].sum() / size[short].sum()),
        float(spent[~short].sum() / size[~short].sum()),
    )
