"""The proofs themselves: formulas against known values, rows that fail, and the command around them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from sim.cli import validate
from sim.validation import formulas, theory
from sim.validation.sections import Section
from tests.cli_miniature import Shell

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
SPLITWISE = DATA / "llm_perf_splitwise_2024"
SERVEGEN = DATA / "servegen"
VLLM = DATA / "llm_serving_runs_vllm_2026"


def absent(folder: Path) -> pytest.MarkDecorator:
    """Skip where the public data set has not been put."""
    return pytest.mark.skipif(
        not folder.is_dir(), reason=f"the data set {folder.name} is not in ../shared/data"
    )


def test_erlang_c_gives_the_known_waits() -> None:
    """Mean waits of M/M/c in units of the service time, as tabulated: 1, 0.9608, 0.6687, 0.0565."""
    for servers, offered, wait in ((1, 0.5, 1.0), (2, 1.4, 0.9608), (10, 9.0, 0.6687), (64, 58.0, 0.0565)):
        assert formulas.erlang_c(servers, offered) / (servers - offered) == pytest.approx(wait, abs=5e-5)


def test_erlang_b_gives_the_known_shares() -> None:
    """One server, one erlang: a half is blocked; two servers: 1/2 / (1 + 1 + 1/2) = 1/5."""
    assert formulas.erlang_b(1, 1.0) == pytest.approx(0.5)
    assert formulas.erlang_b(2, 1.0) == pytest.approx(0.2)


def test_erlang_a_lies_between_waiting_for_ever_and_not_at_all() -> None:
    """With patience without end it is Erlang C, with none Erlang B."""
    assert formulas.erlang_a(2, 1.4, 1e9)[1] == pytest.approx(0.9608, abs=1e-4)
    assert formulas.erlang_a(2, 1.4, 1e-9)[0] == pytest.approx(formulas.erlang_b(2, 1.4), abs=1e-6)


def test_general_gaps_with_exponential_ones_are_mm1() -> None:
    """At load 0.7: 0.7 / 0.3."""
    assert formulas.gim1(lambda s: 0.7 / (0.7 + s)) == pytest.approx(7 / 3, rel=1e-9)


def test_a_modulated_process_with_equal_rates_is_mm1() -> None:
    """At load 0.5 a wait of 1; with rates that differ for long it tends to the mixture of two M/M/1."""
    assert formulas.mmpp_m1(np.array([1.0, 1.0]), np.array([3.0, 9.0]), 0.5) == pytest.approx(1.0, rel=1e-6)
    slow = formulas.mmpp_m1(np.array([1.0, 3.0]), np.array([1e6, 1e6]), 0.4)
    assert slow == pytest.approx((0.2 * 0.25 + 0.6 * 1.5) / 0.8, rel=1e-3)


def test_pollaczek_khinchine_and_cobham_by_hand() -> None:
    """M/D/1 at 0.6: 0.75; M/M/1 at 0.8 in two halves: 0.8 / 0.6 and 0.8 / (0.6 x 0.2)."""
    assert formulas.pollaczek_khinchine(0.6, 0.0) == pytest.approx(0.75)
    assert formulas.cobham(0.8, 0.5) == pytest.approx((0.8 / 0.6, 0.8 / 0.12))


def test_a_wrong_simulation_and_a_weak_one_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure that is 10 % off fails; one that is right but uncertain by 10 % as well; else it is good."""
    noise = {"off": (1.1, 0.01), "weak": (1.0, 0.3), "right": (1.0, 0.01)}

    def replicate_as(name: str) -> theory.Case:
        centre, spread = noise[name]
        return theory.Case(
            name, {"figure": 1.0}, lambda draws, _: (float(draws("x").normal(centre, spread)),), 1
        )

    monkeypatch.setattr(theory, "cases", lambda: [replicate_as(name) for name in noise])
    found = theory.theory(quick=False)
    assert {row[0]: row[-1] for row in found.rows} == {"off": False, "weak": False, "right": True}
    assert found.failed == 2


def test_littles_law_holds_on_a_path() -> None:
    """Sum of times = integral of the number present, to rounding."""
    assert theory.little().failed == 0


def test_sections_are_markdown_tables() -> None:
    """Text to the left, numbers to the right, `FAILED` for what failed; notes below."""
    text = Section("T", ("a", "b", ""), (("x", 1.23456, True), ("yy", math.inf, False)), ("Note.",)).as_text()
    assert text.splitlines() == [
        "## T", "",
        "| a  |     b |        |",
        "|----|------:|-------:|",
        "| x  | 1.235 |     ok |",
        "| yy |   inf | FAILED |",
        "", "Note.",
    ]  # fmt: skip


GOOD = Section("Good", ("a", ""), (("x", True),))
BAD = Section("Bad", ("a", ""), (("y", False),))


def missing() -> Section:
    """A proof whose data is not there."""
    raise FileNotFoundError(2, "No such file", "folder/file.csv.gz")


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Commands in this process."""
    return Shell(monkeypatch, capsys)


@pytest.mark.parametrize(("sections", "code"), [([GOOD], 0), ([GOOD, BAD], 99)])
def test_the_command_prints_tables_and_says_in_its_exit_code_what_failed(
    simulate: Shell, monkeypatch: pytest.MonkeyPatch, sections: list[Section], code: int
) -> None:
    """99 where any row failed; the tables are on stdout, what is done on stderr."""
    proofs = [(section.title, lambda section=section: section) for section in sections]
    monkeypatch.setattr(validate, "_proofs", lambda data, quick: proofs)
    said = simulate("validate", "serving")
    assert said.code == code
    for section in sections:
        assert section.as_text() in said.out
        assert section.title in said.err


def test_what_is_missing_is_left_out_and_said(simulate: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set that is not in the folder ends nothing; JSON says so too."""
    proofs = [("Good", lambda: GOOD), ("Measured", missing)]
    monkeypatch.setattr(validate, "_proofs", lambda data, quick: proofs)
    said = simulate("validate", "serving", "--json", "--quiet")
    tree = json.loads(said.out)
    assert (said.code, said.err) == (0, "")
    assert tree["sections"] == [GOOD.as_tree()]
    assert tree["left_out"] == [
        "Measured is left out: folder/file.csv.gz is not there",
        "Measurements are left out: no --data was given.",
    ]


@pytest.mark.slow
def test_the_quick_proof_passes(simulate: Shell) -> None:
    """Every row of theory and surfaces is good."""
    said = simulate("validate", "serving", "--quick", "--json", "--quiet")
    assert [section["failed"] for section in json.loads(said.out)["sections"]] == [0, 0, 0]
    assert said.code == 0


@absent(VLLM)
def test_a_run_of_vllm_is_predicted_within_the_best_that_is_published() -> None:
    """Mean errors of TTFT and end-to-end time of all requests that were not fitted stay below 12 %."""
    from sim.validation.vllm import vllm

    found = vllm(DATA)
    assert found.failed == 0
    assert [row[2] for row in found.rows if row[-1] is True] == [287] * 3


@absent(SPLITWISE)
def test_iteration_times_of_splitwise_come_back() -> None:
    """The median error of every model, gang and figure is below 5 %, but for one of the noisiest gang."""
    from sim.validation.splitwise import splitwise

    medians = {row[:2]: float(str(row[3]).rstrip("%")) for row in splitwise(DATA).rows}
    assert len(medians) == 24
    assert sum(median > 5.0 for median in medians.values()) <= 1


@absent(SERVEGEN)
@pytest.mark.slow
def test_a_fortnight_of_real_demand_by_intervals_is_near_every_request() -> None:
    """Within the goal with a fixed number of replicas and with scaling."""
    from sim.validation.fortnight import fortnight

    rows = fortnight(DATA, quick=False).rows
    assert [row[1] for row in rows] == ["no"] * 4 + ["yes"] * 4 + ["no"] * 4
    assert all(row[-1] for row in rows)
