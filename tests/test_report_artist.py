"""Figures drawn by another process, or here when it does not do it."""

from pathlib import Path
from typing import Any

import pytest

from sim.errors import StorageError
from sim.loading import load_text
from sim.report.artist import Artist
from sim.report.figures import draw_figures
from sim.study import run_study
from sim.study.study import StudyOutcome
from tests.cli_miniature import TINY
from tests.study_fakes import manifest, plan
from tests.test_report_figures import Told, usual

SCENARIO = load_text(TINY, overrides=["horizon=70 days"])
TOLD = Told(("a", "b"), usual)


def studied(folder: Path, on_tables: Any = lambda facts: None) -> StudyOutcome:
    """A study whose tables can be drawn."""
    origin = manifest(strategies=TOLD.strategies)
    study = plan(folder, 3, manifest=origin, make_simulator=lambda: TOLD, strategies=TOLD.strategies)
    return run_study(study, lambda progress: None, on_tables=on_tables)


def pictures(folder: Path) -> dict[str, bytes]:
    """The figures in a folder."""
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.[ps][nv]g"))}


@pytest.mark.parametrize("apart", [False, True])
def test_figures_are_the_same_wherever_they_are_drawn(tmp_path: Path, apart: bool) -> None:
    """From the beginning of the summary, before there are statistics: the bytes that all of it gives."""
    with Artist(SCENARIO, apart=apart) as artist:
        outcome = studied(tmp_path, lambda facts: artist.draw(tmp_path, facts))
        spent_s = artist.finish()
    assert (spent_s > 0) is apart
    drawn = pictures(tmp_path)
    assert len(drawn) == 8
    draw_figures(tmp_path, outcome.summary, SCENARIO)
    assert pictures(tmp_path) == drawn


def test_a_process_that_dies_is_no_loss(tmp_path: Path) -> None:
    """The figures are drawn here then."""
    with Artist(SCENARIO, apart=True) as artist:
        assert artist._process is not None
        artist._process.kill()
        artist._process.join()
        studied(tmp_path, lambda facts: artist.draw(tmp_path, facts))
        assert artist.finish() == 0.0
    assert len(pictures(tmp_path)) == 8


def test_errors_are_raised_here(tmp_path: Path) -> None:
    """What cannot be drawn or written over there shows itself when it is waited for."""
    found: list[Any] = []
    studied(tmp_path, found.append)
    (tmp_path / "costs.png").mkdir()
    (tmp_path / "costs.png/in the way").touch()
    with Artist(SCENARIO, apart=True) as artist:
        artist.draw(tmp_path, found[0])
        with pytest.raises(StorageError, match=r"costs\.png cannot be written"):
            artist.finish()


@pytest.mark.parametrize("apart", [False, True])
def test_nothing_to_draw(apart: bool) -> None:
    """One that was never asked has nothing to do."""
    with Artist(SCENARIO, apart=apart) as artist:
        assert artist.finish() == 0.0
