"""Each invalid scenario, a small change of `base.yaml`, has the problems written beside it."""

from pathlib import Path

import pytest

from sim.errors import ScenarioError
from sim.loading import load

INVALID = Path(__file__).parent / "invalid"
NAMES = sorted(path.stem for path in INVALID.glob("*.txt"))


def test_the_base_is_valid() -> None:
    """What the invalid scenarios are changes of has nothing wrong with it."""
    assert load(INVALID / "base.yaml").title == "Small"


def test_every_invalid_scenario_has_its_problems_written_down() -> None:
    """No file is left out by mistake."""
    assert {path.stem for path in INVALID.glob("*.yaml")} - {"base"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_invalid_scenario_has_exactly_these_problems(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All problems come at once, in the order of the file, in these words."""
    monkeypatch.chdir(INVALID)
    with pytest.raises(ScenarioError) as caught:
        load(f"{name}.yaml")
    assert str(caught.value) + "\n" == (INVALID / f"{name}.txt").read_text(encoding="utf-8")
