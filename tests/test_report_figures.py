"""Figures of studies whose tables are written by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from sim.loading import load_text
from sim.report import figures
from sim.report.series import Series as Monthly
from sim.scenario.model import Scenario
from sim.study import RunResult, run_study
from sim.study.summary import FILE_NAME
from sim.study.tables import SERIES
from tests.cli_miniature import TINY
from tests.study_fakes import manifest, plan

MONTHS = ("2026-01", "2026-02", "2026-03")
HOURS = (27 * 24, 28 * 24, 15 * 24)
"""Of each month in 70 days from January 5th."""
NAN = float("nan")

Values = Sequence[float]
Series = Mapping[tuple[str, str, str], Values]
"""(kind, name, quantity) -> value by month."""
Tell = Callable[[int, str], Series]


@dataclass(frozen=True)
class Told:
    """A simulator that says what it is told to say."""

    strategies: tuple[str, ...]
    series: Tell
    fails: tuple[int, ...] = ()

    def __call__(self, run: int) -> list[RunResult]:
        """Costs 100 + run for power, less 30 of resale; monthly series as told."""
        if run in self.fails:
            raise ArithmeticError("no result")
        return [self.result(run, strategy) for strategy in self.strategies]

    def result(self, run: int, strategy: str) -> RunResult:
        """That of one strategy."""
        rows = [
            (month, *subject, value)
            for subject, values in self.series(run, strategy).items()
            for month, value in zip(MONTHS, values, strict=True)
        ]
        columns = zip(*rows, strict=True) if rows else [()] * 5
        power, resale = 100_000_000 + run * 1_000_000, -30_000_000
        return RunResult(
            run,
            strategy,
            {"cost_usd": 70.0 + run},
            {"x_Category": ["power", "resale", "egress"], "x_EffectiveMicros": [power, resale, 0]},
            dict(zip(("month", "kind", "name", "quantity", "value"), map(list, columns), strict=True)),
        )


def usual(run: int, strategy: str) -> Series:
    """A pool of 8 accelerators, useful for 10, 20, ... % of the time, and a service that misses 1 %."""
    return {
        ("pool", "room", "capacity_accelerator_h"): [8.0 * hours for hours in HOURS],
        ("pool", "room", "useful_accelerator_h"): [0.1 * (run + 1) * 8 * hours for hours in HOURS],
        ("service", "triage", "requests"): [1000.0] * 3,
        ("service", "triage", "requests_violated"): [8.0] * 3,
        ("service", "triage", "requests_abandoned"): [2.0] * 3,
    }


@dataclass
class Drawn:
    """A study of a simulator that is told what to say, and its figures by name."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def __call__(
        self, told: Told, runs: int = 3, title: str = "By hand", *, write: bool = False
    ) -> dict[str, Figure]:
        """The figures; they are written only where `write` says so."""
        found: dict[str, Figure] = {}

        def keep(figure: Figure, folder: Path, name: str) -> None:
            found[name] = figure

        if not write:
            self.monkeypatch.setattr(figures, "save", keep)
        origin = manifest(strategies=told.strategies, title=title)
        study = plan(
            self.folder, runs, manifest=origin, make_simulator=lambda: told, strategies=told.strategies
        )
        outcome = run_study(study, lambda progress: None)
        figures.draw_figures(self.folder, outcome.summary, scenario())
        return found


def scenario() -> Scenario:
    """The small scenario, over parts of three months."""
    return load_text(TINY, overrides=["horizon=70 days"])


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """Draws figures below a temporary folder."""
    return Drawn(tmp_path / "study", monkeypatch)


def texts(figure: Figure) -> list[Text]:
    """All texts of a figure that are not empty."""
    figure.canvas.draw()
    return [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]


def lines(figure: Figure, panel: int = 0) -> dict[str, list[float]]:
    """The heights of the lines of a panel, by label."""
    return {str(line.get_label()): points(line)[1] for line in figure.axes[panel].get_lines()}


def points(line: Line2D) -> tuple[list[float], list[float]]:
    """Where a line runs."""
    return np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()


def test_the_same_study_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PNG and SVG, in two folders, byte for byte."""
    written: list[dict[str, bytes]] = []
    for name in ("one", "two"):
        Drawn(tmp_path / name, monkeypatch)(Told(("a", "b"), usual), write=True)
        written.append({file.name: file.read_bytes() for file in (tmp_path / name).glob("*.[ps][nv]g")})
    kinds = {
        f"{name}.{kind}"
        for name in ("costs", "categories", "capacity", "violations")
        for kind in ("png", "svg")
    }
    assert set(written[0]) == kinds
    assert written[0] == written[1]


def test_lines_are_medians_and_bands_are_percentiles(drawn: Drawn) -> None:
    """8 accelerators, of which 10, 20, 30 % are useful: the median is 20 %, the band 11 to 29 %."""
    figure = drawn(Told(("a",), usual))["capacity"]
    assert lines(figure, 0)["a"] == pytest.approx([8.0] * 3)
    assert lines(figure, 1)["a"] == pytest.approx([20.0] * 3)
    (band,) = figure.axes[1].collections
    heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
    assert (min(heights), max(heights)) == pytest.approx((11.0, 29.0))


def test_violations_count_those_who_gave_up(drawn: Drawn) -> None:
    """8 answered too late and 2 gave up of 1000: 1 %."""
    assert lines(drawn(Told(("a",), usual))["violations"])["a"] == pytest.approx([1.0] * 3)


def test_the_cost_figure_is_the_share_of_futures_below(drawn: Drawn) -> None:
    """Costs of 70, 71, 72 USD: a third of the futures each; the dot is the median."""
    figure = drawn(Told(("a",), usual))["costs"]
    step, dot = figure.axes[0].get_lines()
    assert points(step)[0] == [70.0, 70.0, 71.0, 72.0]
    assert points(step)[1] == pytest.approx([0.0, 100 / 3, 200 / 3, 100.0])
    assert points(dot) == ([71.0], [50])


def test_credits_stand_to_the_left_of_zero(drawn: Drawn) -> None:
    """Power of 100, 101, 102 USD is a bar to 101; resale one to -30; what costs nothing has none."""
    bars = drawn(Told(("a",), usual))["categories"].axes[0].patches
    rectangles = [bar for bar in bars if isinstance(bar, Rectangle)]
    assert [(bar.get_x(), bar.get_width()) for bar in rectangles] == [(0.0, 101.0), (0.0, -30.0)]


def test_bars_say_what_all_comes_to(drawn: Drawn) -> None:
    """101 of power less 30 of resale, at the end of each bar."""
    axes = drawn(Told(("a", "b"), usual))["categories"].axes[0]
    assert [text.get_text() for text in axes.texts] == ["71.0", "71.0"]
    assert axes.get_xlabel() == "mean cost, USD"


def test_the_slo_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a service's SLO lets pass it by, beside what does."""
    found: dict[str, Figure] = {}
    monkeypatch.setattr(figures, "save", lambda figure, folder, name: found.update({name: figure}))
    series = Monthly(list(MONTHS), ["triage"], 1, {("a", "triage", "requests"): np.full((1, 3), 100.0)})
    figures.draw_violations(tmp_path, ["a"], series, {"triage": 0.01}, "about")
    assert lines(found["violations"])["SLO"] == [1.0, 1.0]


def test_every_figure_says_what_it_shows(drawn: Drawn) -> None:
    """Lines, bands, dots and bars are explained, with the scenario's title and the number of futures."""
    for name, figure in drawn(Told(("a", "b"), usual)).items():
        note = max((text for text in texts(figure)), key=lambda text: len(text.get_text()))
        assert note.get_fontsize() == figures.SMALL
        assert "By hand; 3 futures, seed 7" in note.get_text().replace("\n", " ")
        told = {"costs": "dot: median", "categories": "bar: mean"}.get(name, "band: 5th to 95th percentile")
        assert told in note.get_text()


def test_nothing_is_read_as_mathematics(drawn: Drawn) -> None:
    """Dollars and underscores of users stand as they are, wherever they stand."""
    odd = "$x_1$ and ^2"

    def series(run: int, strategy: str) -> Series:
        told = usual(run, strategy)
        return {(kind, odd, quantity): values for (kind, _, quantity), values in told.items()}

    for name, figure in drawn(Told((odd, "_b"), series), title=odd).items():
        found = [text for text in texts(figure) if "$" in text.get_text()]
        assert len(found) >= 2, name  # the note, and a legend or a label
        assert not any(text.get_parse_math() for text in found)


def test_one_run_and_one_strategy_are_enough(drawn: Drawn) -> None:
    """A line is a line and a band has no width."""
    found = drawn(Told(("a",), usual), runs=1)
    assert set(found) == {"costs", "categories", "capacity", "violations"}
    assert lines(found["capacity"], 1)["a"] == pytest.approx([10.0] * 3)


def test_without_services_there_is_no_figure_of_them(drawn: Drawn) -> None:
    """Nothing to show is not shown."""

    def pools(run: int, strategy: str) -> Series:
        return {subject: values for subject, values in usual(run, strategy).items() if subject[0] == "pool"}

    assert set(drawn(Told(("a",), pools))) == {"costs", "categories", "capacity"}


def test_what_has_no_data_is_left_out(drawn: Drawn) -> None:
    """A service that one strategy has not, months without requests, a pool without capacity, no series."""

    def gaps(run: int, strategy: str) -> Series:
        match strategy:
            case "none":
                return {}
            case "other":
                return {("pool", "room", "capacity_accelerator_h"): [0.0] * 3} | {
                    ("pool", "room", "useful_accelerator_h"): [0.0] * 3
                }
            case _:
                return {**usual(run, strategy), ("service", "triage", "requests"): [1000.0, 0.0, NAN]} | {
                    ("service", "triage", "requests_violated"): [8.0, 0.0, 0.0],
                    ("service", "triage", "requests_abandoned"): [2.0, 0.0, 0.0],
                }

    found = drawn(Told(("none", "other", "a"), gaps))
    assert lines(found["violations"]) == {"a": pytest.approx([1.0])}
    assert lines(found["capacity"], 1) == {"a": pytest.approx([20.0] * 3)}
    for figure in found.values():
        figure.canvas.draw()


def test_failed_runs_are_not_zeros(drawn: Drawn) -> None:
    """Run 0 of two has no result: 8 accelerators, 20 % of them useful, as in the other."""
    figure = drawn(Told(("a",), usual, fails=(0,)), runs=2)["capacity"]
    assert lines(figure, 0)["a"] == pytest.approx([8.0] * 3)
    assert lines(figure, 1)["a"] == pytest.approx([20.0] * 3)


def test_a_month_that_stands_alone_is_seen(drawn: Drawn) -> None:
    """A gap in the months breaks the line; a single month is a dot. The legend names the strategy once."""

    def gap(run: int, strategy: str) -> Series:
        told = dict(usual(run, strategy))
        told["pool", "room", "capacity_accelerator_h"] = [8.0 * HOURS[0], 0.0, 8.0 * HOURS[2]]
        return told | {("pool", "room", "useful_accelerator_h"): [0.0, 0.0, 0.0]}

    panel = drawn(Told(("a",), gap))["capacity"].axes[1]
    assert [(points(line)[0], line.get_marker()) for line in panel.get_lines()] == [
        ([0], "o"),
        ([2], "o"),
    ]
    assert panel.get_legend_handles_labels()[1] == ["a"]


def test_a_single_month_stands_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one month the strategies stand beside each other: medians as dots, percentiles as bars."""
    found: dict[str, Figure] = {}
    monkeypatch.setattr(figures, "save", lambda figure, folder, name: found.update({name: figure}))
    ten = np.arange(0.0, 101.0, 10.0)[:, np.newaxis]
    values = {
        (strategy, "room", f"{quantity}_accelerator_h"): times * ten
        for strategy, times in (("a", 1.0), ("b", 2.0))
        for quantity in ("capacity", "useful")
    }
    figures.draw_capacity(
        tmp_path, ["a", "b"], Monthly(["2026-01"], ["room"], 11, values), np.array([1.0]), ""
    )
    above, below = found["capacity"].axes
    assert [points(line) for line in above.get_lines()] == [([0], [50.0]), ([1], [100.0])]
    bars = [bar for bar in above.patches if isinstance(bar, Rectangle)]
    assert [(bar.get_y(), bar.get_height()) for bar in bars] == [(5.0, 90.0), (10.0, 180.0)]
    assert [tick.get_text() for tick in below.get_xticklabels()] == ["a", "b"]
    assert below.get_xlabel() == "2026-01"


def test_more_strategies_than_colours_can_be_told_apart() -> None:
    """When the colours come round again, the dashes differ."""
    styles = [tuple(figures.style(place).values()) for place in range(4 * len(figures.COLOURS))]
    assert len(set(styles)) == len(styles)


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    """A study without a result has no figures, and says nothing of it."""
    study = plan(tmp_path, 1, make_simulator=lambda: Told(("a",), usual, fails=(0,)))
    outcome = run_study(study, lambda progress: None)
    figures.draw_figures(tmp_path, outcome.summary, scenario())
    assert not list(tmp_path.glob("*.png"))
    assert (tmp_path / FILE_NAME).exists()


def test_a_series_is_read_as_it_was_written(drawn: Drawn) -> None:
    """By strategy, subject and quantity: runs as rows and months as columns; sums over subjects."""

    def two_pools(run: int, strategy: str) -> Series:
        return {
            ("pool", "room", "leased_accelerator_h"): [run + 1.0, 2.0, 3.0],
            ("pool", "cloud", "leased_accelerator_h"): [10.0, 20.0, 30.0 + (strategy == "b")],
            ("training", "room", "leased_accelerator_h"): [9.0, 9.0, 9.0],
        }

    drawn(Told(("a", "b"), two_pools), runs=2)
    series = Monthly.read(drawn.folder / SERIES, "pool", list(MONTHS), 2)
    assert series.names == ["room", "cloud"]
    assert series.sums("a", "leased_accelerator_h").tolist() == [[11.0, 22.0, 33.0], [12.0, 22.0, 33.0]]
    assert series.sums("b", "leased_accelerator_h", "cloud").tolist() == [[10.0, 20.0, 31.0]] * 2
    assert series.values["b", "room", "leased_accelerator_h"].shape == (2, 3)
