"""What commands print, where they print it, and the codes that they exit with."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from sim.cli.progress import Progress
from sim.loading import digest, load, load_text
from sim.report.profile import PARTS, profile_report
from sim.study import prepare, simulation
from tests.cli_miniature import ROOT, TINY, Shell

QUICK = ("--runs", "3", "--workers", "1")


@pytest.fixture
def drawing_shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Gives commands."""
    monkeypatch.setattr("sim.cli.progress.EVERY_S", math.inf)  # it may have to compile first
    return Shell(monkeypatch, capsys)


@pytest.fixture
def shell(drawing_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Gives commands that draw no figures, to be quick."""
    monkeypatch.setattr("sim.report.figures.draw_figures", lambda *_: None)
    return drawing_shell


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The small scenario as a file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path


def expecting(tiny: Path, threshold: str) -> Path:
    """The small scenario, with one threshold."""
    tiny.write_text(
        f"{TINY}\nexpect: [{{metric: cost_usd, strategy: home, {threshold}}}]\n", encoding="utf-8"
    )
    return tiny


def test_json_is_the_summary_and_nothing_else(drawing_shell: Shell, tiny: Path, tmp_path: Path) -> None:
    """stdout holds summary.json byte for byte; what is going on is said on stderr."""
    said = drawing_shell(tiny, *QUICK, "--out", tmp_path / "study", "--json")
    assert said.code == 0
    assert said.out == (tmp_path / "study/summary.json").read_text(encoding="utf-8")
    assert json.loads(said.out)["runs"] == 3
    assert said.err.splitlines() == ["3 futures", "drawing figures"]
    assert (tmp_path / "study/costs.png").is_file()


def test_quiet_leaves_stderr_empty(shell: Shell, tiny: Path, tmp_path: Path) -> None:
    """With --quiet the table still comes; without a terminal it has no escape sequences."""
    said = shell("run", "--quiet", *QUICK, tiny, "--out", tmp_path / "study")
    assert (said.code, said.err) == (0, "")
    assert "home is cheaper than burst in" in said.out
    assert said.out.endswith(f"files in {tmp_path / 'study'}\n")
    assert "\x1b" not in said.out


@pytest.mark.parametrize("workers", [1, 2])
def test_profile_says_where_the_time_went(shell: Shell, tiny: Path, tmp_path: Path, workers: int) -> None:
    """On stderr, a line for each part; the parts of a future come from the workers, and add up to all."""
    said = shell(
        tiny, "--runs", 40, "--workers", workers, "--out", tmp_path / "study", "--quiet", "--profile"
    )
    told = dict(line.split(maxsplit=1) for line in said.err.splitlines()[1:])
    assert tuple(told) == (*PARTS, "all")
    seconds = {part: float(line.split()[0]) for part, line in told.items()}
    assert sum(seconds.values()) - seconds["all"] == pytest.approx(seconds["all"], abs=0.01 * len(told))
    assert all(seconds[part] > 0 for part in ("start-up", "engine", "writing", "statistics"))
    assert "home is cheaper than burst" in said.out


def test_progress_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line every half minute says how far it is: 30 runs in 60 s, and 360 left are 12 minutes."""
    clock = iter([0.0, 20.0, 60.0, 80.0, 1000.0])
    monkeypatch.setattr("sim.cli.progress.time.monotonic", lambda: next(clock))
    with Progress(quiet=False) as progress:
        for done in (10, 20, 40, 50, 400):
            progress.count(done, 400)
    assert capsys.readouterr().err.splitlines() == [
        "10 of 400 were done before",
        "40 of 400 are done, 0.5 runs/s, 12 min left",
    ]


def test_profile_by_hand() -> None:
    """3 of 4 s in the engine are 375 ms for each of 8 futures and 75 %; without futures there is no rate."""
    lines = list(profile_report({"engine": 3.0, "figures": 1.0}, 8, 2))
    assert lines[0] == "processor time, 8 futures carried out by 2 processes"
    assert lines[1 + PARTS.index("engine")].split() == [
        "engine",
        "3.00",
        "s",
        "375.00",
        "ms",
        "a",
        "future",
        "75.0",
        "%",
    ]
    assert lines[-1].split()[1:4] == ["4.00", "s", "500.00"]
    assert [line.split()[1:] for line in profile_report({"figures": 1.0}, 0, 1)][-1] == [
        "1.00",
        "s",
        "100.0",
        "%",
    ]


def test_titles_are_shown_as_they_are(shell: Shell, tiny: Path, tmp_path: Path) -> None:
    """What rich or TeX would take for markup stands in the table as it was written."""
    said = shell(tiny, *QUICK, "--out", tmp_path / "study", "--quiet")
    assert said.out.splitlines()[0] == "Tiny [red] $x_1$ and [/] :smile:"


def test_options_may_come_before_the_scenario(shell: Shell, tiny: Path, tmp_path: Path) -> None:
    """`simulate --runs 1 SCENARIO` is the main job too; 1 future is said to be one."""
    said = shell("--runs", 1, "--workers", 1, "--out", tmp_path / "study", tiny)
    assert said.code == 0
    assert "1 future of 2 days, seed 0" in said.out


def test_the_default_folder_is_named_after_scenario_and_digest(
    shell: Shell, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """results/<scenario>-<first 8 digits of its digest>, below where the command is given."""
    monkeypatch.chdir(tiny.parent)
    said = shell(tiny, "--runs", 1, "--workers", 1, "--quiet")
    name = f"results/tiny-{digest(load_text(TINY))[:8]}"
    assert f"files in {name}\n" in said.out
    assert (tiny.parent / name / "summary.json").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.yaml"], "nowhere.yaml: the file cannot be read"),
        (
            ["{tiny}", "--strategy", "hoem"],
            "no such strategy; the scenario has home, burst; did you mean 'home'",
        ),
        (["{tiny}", "--runs", "0"], "0 is not in the range"),
        (["{tiny}", "--nonsense"], "No such option"),
        (["{tiny}", "--set", "horizon=3"], "--set horizon=3: horizon: '3' has no unit"),
        (["chek", "{tiny}"], "did you mean 'check'?"),
        (["{tiny}", "{tiny}"], "unexpected extra argument"),
        (["check", "{tiny}", "--set", "title="], "title"),
    ],
)
def test_a_mistake_of_the_user_exits_with_2(shell: Shell, tiny: Path, words: list[str], told: str) -> None:
    """The mistake is named on stderr, stdout stays empty."""
    said = shell(*(word.format(tiny=tiny) for word in words))
    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_an_unknown_metric_is_found_before_anything_runs(shell: Shell, tiny: Path, tmp_path: Path) -> None:
    """`expect` is looked up by `check` and by the main job, which leaves no folder behind."""
    expecting(tiny, "mean_below: 1 USD")
    tiny.write_text(
        tiny.read_text(encoding="utf-8").replace("metric: cost_usd", "metric: cost_us"), encoding="utf-8"
    )
    for words in (["check", tiny], [tiny, *QUICK, "--out", tmp_path / "study"]):
        said = shell(*words)
        assert said.code == 2
        assert "there is no metric 'cost_us'" in said.err
        assert "did you mean 'cost_usd'?" in said.err
    assert not (tmp_path / "study").exists()


def test_a_folder_that_cannot_be_written_exits_with_4(shell: Shell, tiny: Path, tmp_path: Path) -> None:
    """A folder below a file, and one that holds a study with another seed."""
    (tmp_path / "file").touch()
    said = shell(tiny, *QUICK, "--out", tmp_path / "file/study")
    assert said.code == 4
    assert "file/study cannot be written: Not a directory" in said.err
    assert shell(tiny, "--runs", 1, "--workers", 1, "--out", tmp_path / "study").code == 0
    other = shell(tiny, "--runs", 1, "--workers", 1, "--out", tmp_path / "study", "--seed", 1)
    assert other.code == 4
    assert "holds another study (seed 0, asked for 1)" in other.err


def test_an_empty_out_is_no_folder(
    shell: Shell, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a variable leaves it that is not set; nothing is written where we are."""
    monkeypatch.chdir(tmp_path)
    for command in ([tiny, *QUICK], ["sweep", tiny, "--vary", "discount_rate=1%,2%", "--runs", 1]):
        said = shell(*command, "--out", "")
        assert said.code == 2
        assert "'--out': it is empty" in said.err
    assert list(tmp_path.iterdir()) == [tiny]


def test_files_of_others_are_not_written_over(shell: Shell, tiny: Path, tmp_path: Path) -> None:
    """A file of a name of ours stays where there is no study; other files are in nobody's way."""
    (tmp_path / "costs.png").write_text("mine")
    said = shell(tiny, *QUICK, "--out", tmp_path)
    assert said.code == 4
    assert f"{tmp_path} holds costs.png but no study.sqlite, and would be written over" in said.err
    assert (tmp_path / "costs.png").read_text() == "mine"
    (tmp_path / "costs.png").unlink()
    assert shell(tiny, *QUICK, "--out", tmp_path).code == 0
    assert shell(tiny, *QUICK, "--out", tmp_path).code == 0
    (tmp_path / "study.sqlite").unlink()
    assert "holds scenario.resolved.yaml and runs.parquet and" in shell(tiny, *QUICK, "--out", tmp_path).err


def test_what_lies_in_a_folder_in_the_end_is_known(drawing_shell: Shell, tiny: Path, tmp_path: Path) -> None:
    """The journal and the files that are looked for beforehand; the figure of violations needs a service."""
    assert drawing_shell(tiny, *QUICK, "--out", tmp_path / "study").code == 0
    found = {path.name for path in (tmp_path / "study").iterdir()}
    assert found | {"violations.png", "violations.svg"} == {"study.sqlite", *prepare.DERIVED}


def test_a_folder_is_looked_at_before_anything_is_worked_out(
    shell: Shell, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be a folder, what nobody may write to, and another study end the command at once."""
    assert shell(tiny, "--runs", 1, "--workers", 1, "--out", tmp_path / "study").code == 0
    monkeypatch.setattr(prepare, "build_servings", lambda *_: pytest.fail("surfaces are worked out"))
    refused = {
        "/dev/null": "/dev/null is no folder",
        "/proc/study": "/proc/study cannot be written",
        str(tmp_path / "study"): "holds another study (seed 0, asked for 1)",
    }
    for folder, told in refused.items():
        said = shell(tiny, *QUICK, "--seed", 1, "--out", folder)
        assert said.code == 4
        assert told in said.err


def test_failed_runs_exit_with_75_and_are_tried_again(
    shell: Shell, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command then ends as if nothing had failed."""
    real = simulation.simulate_once

    def fail_in_run_1(world: Any, strategy: str, *rest: Any) -> simulation.Run:
        if world.run == 1:
            raise ArithmeticError("the [bold] cat ate it")
        return real(world, strategy, *rest)

    command = (tiny, *QUICK, "--out", tmp_path / "study")
    with monkeypatch.context() as patched:
        patched.setattr(simulation, "simulate_once", fail_in_run_1)
        said = shell(*command)
    assert said.code == 75
    flat = " ".join(said.out.split())
    assert "1 future has no result, future 1 because of ArithmeticError: the [bold] cat ate it" in flat
    assert "2 futures of 2 days" in said.out
    assert shell(*command).code == 0
    assert shell(tiny, *QUICK, "--out", tmp_path / "again").code == 0
    once, twice = ((tmp_path / name / "summary.json").read_bytes() for name in ("study", "again"))
    assert once == twice


def test_a_study_without_any_result_says_so(
    shell: Shell, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All runs failed: exit code 75, and no figure or table falls over it."""

    def fail(*_: object) -> None:
        raise ArithmeticError("never")

    monkeypatch.setattr(simulation, "simulate_once", fail)
    said = shell(tiny, *QUICK, "--out", tmp_path / "study")
    assert said.code == 75
    assert "3 futures have no result" in said.out


@pytest.mark.parametrize(
    ("threshold", "code", "status"),
    [
        # One node costs 157,680 USD / 1825 days x 2 days = 172.80 USD before power: above 100, below 1 M.
        ("mean_below: 100 USD", 99, "fail"),
        ("mean_below: 1M USD", 0, "pass"),
        # The upper bound of a p95 needs 72 runs: ten decide nothing.
        ("p95_below: 1M USD", 0, "undecided"),
    ],
)
def test_a_crossed_threshold_exits_with_99(
    shell: Shell, tiny: Path, tmp_path: Path, threshold: str, code: int, status: str
) -> None:
    """Only a threshold that is crossed beyond doubt does; each is told with what was found."""
    said = shell(expecting(tiny, threshold), "--runs", 10, "--workers", 1, "--out", tmp_path / "study")
    assert said.code == code
    flat = " ".join(said.out.split())
    assert f"expected of home: cost_usd {threshold.partition('_')[0]} below" in flat
    assert f": {status}" in flat


@pytest.mark.parametrize("error", [RuntimeError("no such thing"), EOFError("nothing there")])
def test_our_own_fault_passes_through(
    shell: Shell, tiny: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """What nobody foresaw is left to Python, which prints a traceback and exits with 1."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("sim.study.prepare.carry_out", fail)
    with pytest.raises(type(error)):
        shell(tiny)


def test_resolve_prints_an_equal_scenario(shell: Shell, tiny: Path) -> None:
    """What it prints loads to the same scenario, overrides included."""
    said = shell("resolve", tiny, "--set", "workloads.train.deadline=9 h")
    changed = load(tiny, ["workloads.train.deadline=9 h"])
    assert digest(load_text(said.out)) == digest(changed) != digest(load(tiny))


def test_check_counts_what_a_scenario_has(shell: Shell, tiny: Path) -> None:
    """A line with singular and plural where they belong."""
    said = shell("check", tiny)
    assert said.out == f"{tiny}: fine (2 sites, 2 pools, 1 workload, 2 strategies)\n"
    assert shell("check", ROOT / "scenarios/hospital.yaml").code == 0


def test_schema_is_json(shell: Shell) -> None:
    """One JSON document on stdout."""
    assert json.loads(shell("schema").out)["type"] == "object"
