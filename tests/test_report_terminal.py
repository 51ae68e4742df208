"""What a study prints, from summaries written by hand."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from sim.calendar import DAY_S
from sim.report.terminal import study_report

Summary = dict[str, Any]


def estimate(value: Any, low: Any = None, high: Any = None, **note: str) -> dict[str, Any]:
    """As it stands in a summary."""
    return {"value": value, "low": low, "high": high, **note}


def metrics(p5: str, p50: str, p95: str, **changes: Any) -> dict[str, Any]:
    """Those of a strategy that costs so much."""
    cost = {"p5": estimate(p5), "p50": estimate(p50), "p95": estimate(p95, "1.0", "2.0")}
    return {
        "cost_usd": cost,
        "utilisation": {"mean": estimate(0.4046, 0.367, 0.441)},
        "slo_violation_share": {"mean": estimate(0.063, 0.05, 0.081)},
        "deadline_miss_share": {"mean": estimate(None)},
        **changes,
    }


def pair(
    a: str, b: str, below: tuple[float, float, float], difference: tuple[Any, Any, Any]
) -> dict[str, Any]:
    """How the yearly cost of a differs from that of b."""
    found = {"share_below": estimate(*below), "p50_difference": estimate(*difference)}
    return {"a": a, "b": b, "runs": 100, "metrics": {"cost_usd_per_year": found}}


def summary(**changes: Any) -> Summary:
    """Two strategies, 100 runs."""
    return {
        "scenario": {"title": "By hand"},
        "runs": 100,
        "seed": 7,
        "strategies": {
            "cloud": {"runs": 100, "metrics": metrics("2680000.0", "2710000.0", "12730000.0")},
            "hybrid": {"runs": 100, "metrics": metrics("1650000.0", "1720000.0", "1910000.0")},
        },
        "pairs": [pair("cloud", "hybrid", (0.17, 0.13, 0.22), ("410000.0", "350000.0", "480000.0"))],
        "expectations": [],
        "failed": [],
        **changes,
    }


def printed(report: RenderableType, width: int = 100, *, terminal: bool = False) -> str:
    """What stands on the screen."""
    console = Console(
        file=StringIO(), width=width, force_terminal=terminal, highlight=False, markup=False, emoji=False
    )
    console.print(report, crop=False)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def lines(summary: Summary, width: int = 200) -> list[str]:
    """The lines of a study's report, without blanks around them."""
    return [
        row.strip() for row in printed(study_report(summary, "here", "USD", 730 * DAY_S), width).splitlines()
    ]


def test_the_table_is_one_row_a_strategy() -> None:
    """Unit in the heading, points lined up, shares with intervals; what nobody has has no column."""
    assert lines(summary())[:8] == [
        "By hand",
        "100 futures of 2 years, seed 7",
        "",
        "cost, M USD:         utilisation:      SLO violations:",
        "strategy       p5 / p50 / p95  mean, 95 % interval  mean, 95 % interval",
        "─" * 71,  # 8 + 19 + 19 + 19 and two blanks between
        "cloud     2.68 / 2.71 / 12.73   40.5 %  36.7..44.1      6.3 %  5.0..8.1",
        "hybrid    1.65 / 1.72 /  1.91   40.5 %  36.7..44.1      6.3 %  5.0..8.1",
    ]


def test_the_table_fits_100_columns_without_folding() -> None:
    """Three shares and a name of 14 letters: a row is one line of at most 100 characters."""
    found = metrics(
        "2680000.0", "2710000.0", "2730000.0", deadline_miss_share={"mean": estimate(0.1, 0.05, 0.5)}
    )
    told = lines(summary(strategies={"on-prem-and-so": {"runs": 9, "metrics": found}}, pairs=[]), width=100)
    rows = [row for row in told if "on-prem-and-so" in row]
    shares = "40.5 %  36.7..44.1      6.3 %  5.0..8.1    10.0 %  5.0..50.0"
    assert rows == [f"on-prem-and-so  2.68 / 2.71 / 2.73   {shares}"]
    assert max(map(len, told)) <= 100


@pytest.mark.parametrize("width", [20, 60, 80])
def test_a_narrow_terminal_cuts_nothing(width: int) -> None:
    """What stood beside stands below; every number is still there."""
    told = printed(study_report(summary(), "here", "USD", DAY_S), width)
    for number in ("2.68 / 2.71 / 12.73", "40.5 %", "36.7..44.1", "6.3 %", "5.0..8.1", "SLO violations"):
        assert number in told
    assert "…" not in told
    beside = any("40.5 %" in row and "36.7..44.1" in row for row in told.splitlines())
    assert beside == (width >= 71)


def test_intervals_are_quieter_on_a_terminal() -> None:
    """Dim where there are colours, plain where there are none."""
    report = study_report(summary(), "here", "USD", DAY_S)
    assert "\x1b[2m36.7..44.1\x1b[0m" in printed(report, terminal=True)
    assert "\x1b" not in printed(report)


def test_the_cheaper_one_comes_first() -> None:
    """hybrid is below cloud in 1 - 0.17 = 83 % of the worlds, 78..87 %, by what cloud costs more."""
    odds = "hybrid is cheaper than cloud in 83 % of the worlds (78..87 %)"
    told = f"{odds}, by 0.41 M USD (0.35..0.48) a year in the median"
    assert told in lines(summary())
    other_way = [pair("hybrid", "cloud", (0.83, 0.78, 0.87), ("-410000.0", "-480000.0", "-350000.0"))]
    assert told in lines(summary(pairs=other_way))


def test_no_interval_is_no_interval() -> None:
    """Where the runs bound nothing, the difference stands alone; equal costs are said to be equal."""
    bare = [pair("a", "b", (1.0, 0.5, 1.0), ("-410000.0", None, None))]
    assert (
        "a is cheaper than b in 100 % of the worlds (50..100 %), by 0.41 M USD a year in the median"
        in lines(summary(pairs=bare))
    )
    same = [pair("a", "b", (0.5, 0.4, 0.6), ("0.000000", "0.000000", "0.000000"))]
    assert "a costs the same as b" in lines(summary(pairs=same))


def test_many_strategies_are_compared_with_the_cheapest() -> None:
    """Five strategies make ten pairs; told are the four with the lowest median cost."""
    costs = {
        name: metrics("1.0", f"{cost}.0", "9.0") for name, cost in zip("abcde", (5, 4, 3, 6, 7), strict=True)
    }
    names = list(costs)
    pairs = [
        pair(a, b, (0.1, 0.0, 0.2), ("1.0", None, None)) for n, a in enumerate(names) for b in names[n + 1 :]
    ]
    strategies = {name: {"runs": 9, "metrics": found} for name, found in costs.items()}
    told = [row for row in lines(summary(strategies=strategies, pairs=pairs)) if "cheaper" in row]
    assert len(told) == 4
    assert all({"c"} < set(row.split()) for row in told)


def test_names_are_shown_as_they_are() -> None:
    """Markup, emoji codes and escape sequences in titles, strategies and messages do nothing."""
    odd = "x[/] [red]y :smile: \x1b[31m"
    failed = [{"run": 3, "seed": 7, "message": odd}]
    one = {odd: {"runs": 100, "metrics": metrics("1.0", "2.0", "3.0")}}
    told = printed(
        study_report(
            summary(scenario={"title": odd}, strategies=one, pairs=[], failed=failed), odd, "USD", DAY_S
        ),
        200,
    )
    assert told.count("x[/] [red]y :smile: \\x1b[31m") == 4


def test_overload_is_a_share_of_the_worlds() -> None:
    """12 of 100 worlds, with Wilson's interval; of a service also with the demand that it could meet.

    With z = 1.96 its centre is (0.12 + z^2/200) / (1 + z^2/100) = 13.4 % and its half width
    z sqrt(0.12 * 0.88 / 100 + (z/200)^2) / (1 + z^2/100) = 6.4 %.
    """
    found = metrics("1.0", "2.0", "3.0") | {
        "overloaded:triage": {"mean": estimate(0.12, 0.05, 0.19)},
        "overloaded:notes": {"mean": estimate(0.0, 0.0, 0.0)},
        "overloaded_share": {"mean": estimate(0.06, 0.0, 0.1)},
        "overloaded:train": {"mean": estimate(0.12, 0.05, 0.19)},
        "stable_demand_share:triage": {"p5": estimate(0.62, 0.6, 0.7), "p95": estimate(1.25, 1.2, 1.3)},
    }
    told = lines(summary(strategies={"cloud": {"runs": 100, "metrics": found}}, pairs=[]))
    assert [row for row in told if "OVERLOADED" in row] == [
        "cloud cannot keep up with triage in 12 % of the worlds (7..20 %): OVERLOADED; in the tightest month "
        "its replicas could answer 62.0 % (p5) to 125.0 % (p95) of the requests",
        "cloud cannot keep up with train in 12 % of the worlds (7..20 %): OVERLOADED",
    ]


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (
            {"metric": "slo_violation_share", "statistic": "p95", "threshold": 0.01, "status": "pass"}
            | {"estimate": estimate(0.0046, 0.0042, 0.005), "more_runs": None},
            "slo_violation_share p95 below 1.0 %, found 0.46 % (0.42..0.50): pass",
        ),
        (
            {"metric": "cost_usd", "statistic": "mean", "threshold": "2000000.000000", "status": "fail"}
            | {"estimate": estimate("2500000.0", "2400000.0", "2600000.0"), "more_runs": None},
            "cost_usd mean below 2.00 M USD, found 2.50 M USD (2.40..2.60): fail",
        ),
        (
            {"metric": "wait_s_p95:train", "statistic": "mean", "threshold": 3600.0, "status": "undecided"}
            | {"estimate": estimate(3500.0, 3300.0, 3700.0), "more_runs": 1200},
            "wait_s_p95:train mean below 3,600 s, found 3,500 s (3,300..3,700): undecided, "
            "about 1,200 more runs would decide it",
        ),
        (
            {"metric": "stable", "statistic": "mean", "threshold": 0.5, "status": "undecided"}
            | {"estimate": estimate(0.5), "more_runs": None},
            "stable mean below 50.0 %, found 50.0 % (no interval): undecided, "
            "no number of runs that can be named would decide it",
        ),
    ],
    ids=["pass", "fail", "undecided", "hopeless"],
)
def test_expectations_tell_what_was_found(verdict: dict[str, Any], told: str) -> None:
    """Threshold and estimate in the metric's unit, the verdict, and the runs that would decide it."""
    whole = {"strategy": "cloud", "comparison": "below", "runs": 9} | verdict
    assert f"expected of cloud: {told}" in lines(summary(expectations=[whole]))


def test_reservations_are_said() -> None:
    """A p95 without a bound, and runs without a result."""
    unbounded = metrics("1.0", "2.0", "3.0")
    unbounded["cost_usd"]["p95"] = estimate("3.0", "2.0", None, note="no upper bound below 72 runs")
    failed = [{"run": 3, "seed": 7, "message": "ArithmeticError: 1/0"}, {"run": 9, "seed": 7, "message": "?"}]
    told = lines(summary(strategies={"cloud": {"runs": 9, "metrics": unbounded}}, pairs=[], failed=failed))
    assert told[-3:] == [
        "few futures: the p95 of a cost has no upper bound below 72 runs",
        "2 futures have no result, future 3 because of ArithmeticError: 1/0; the same command tries again",
        "files in here",
    ]


def test_nothing_is_reported_of_nothing() -> None:
    """A study in which every run failed has neither table nor comparisons."""
    told = lines(summary(strategies={}, pairs=[], runs=0))
    assert told[:2] == ["By hand", "0 futures of 2 years, seed 7"]
    assert told[-1] == "files in here"
