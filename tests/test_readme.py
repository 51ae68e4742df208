"""What the README shows is true: its few lines of Python run as they stand."""

import re

import pytest

import sim
from tests.cli_miniature import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_lines_of_python_run_and_use_public_names_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At most ten lines, which import public names alone, and print attempts, a cost and a share."""
    [code] = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(code.splitlines()) <= 10
    [imported] = re.findall(r"^from sim import (.*)$", code, flags=re.MULTILINE)
    assert set(imported.split(", ")) <= set(sim.__all__)
    monkeypatch.chdir(ROOT)
    exec(code, {})
    attempts_and_cost, utilisation = capsys.readouterr().out.splitlines()
    attempts, cost_usd = attempts_and_cost.split()
    assert int(attempts) > 0 < float(cost_usd)
    assert 0 < float(utilisation) < 1


def test_every_public_name_can_be_imported() -> None:
    """None of the names that `sim` promises is missing where it says it is."""
    assert all(getattr(sim, name) is not None for name in sim.__all__)
