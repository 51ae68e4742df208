"""Help and checks answer at once: nothing heavy is loaded before it is needed."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim.cli import COMMANDS
from tests.cli_miniature import ROOT, TINY, environment

HEAVY = {
    "numpy",
    "pandas",
    "scipy",
    "matplotlib",
    "pydantic",
    "numba",
    "pyarrow",
    "rich",
    "simpy",
    "sqlite3",
    "yaml",
}
NOT_FOR_CHECK = {
    "numpy",
    "pandas",
    "matplotlib",
    "numba",
    "pyarrow",
    "simpy",
    "sqlite3",
    "scipy",
    "rich",
}
NOT_FOR_STUDIES = {
    "pandas",
    "pyarrow.compute",
    "pyarrow.dataset",
    "scipy.signal",
    "scipy.stats",
    "matplotlib.pyplot",
}
HOSPITAL = str(ROOT / "scenarios/hospital.yaml")

LISTING = """
import json, sys
sys.argv = ["simulate", *sys.argv[1:]]
from sim.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def loaded(*words: str) -> set[str]:
    """The modules that a command has loaded when it ends well."""
    ended = subprocess.run(
        [sys.executable, "-c", LISTING, *words], env=environment(), capture_output=True, text=True, check=True
    )
    return set(json.loads(ended.stderr))


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    """Neither the help of the program nor that of a command needs a library but click."""
    modules = loaded(*words)
    assert "click" in modules
    assert not modules & HEAVY


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS), ["validate", "serving"]])
def test_help_shows_an_example(words: list[str]) -> None:
    """Whoever asks for help sees a command that could be typed."""
    ended = subprocess.run(
        [sys.executable, "-m", "sim", *words, "--help"],
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "Example: simulate " in ended.stdout


def test_check_loads_only_what_reads_scenarios() -> None:
    """No figures, no tables, no compiler, no engine, and of scipy nothing that is slow."""
    modules = loaded("check", HOSPITAL)
    assert "pydantic" in modules
    assert not modules & NOT_FOR_CHECK


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_study_loads_no_library_for_one_function(workers: str, tmp_path: Path) -> None:
    """pandas comes with pyarrow's conveniences, and scipy.signal is slow: neither is needed."""
    scenario = tmp_path / "tiny.yaml"
    scenario.write_text(TINY, encoding="utf-8")
    modules = loaded(
        str(scenario), "--runs", "2", "--quiet", "--workers", workers, "--out", str(tmp_path / "out")
    )
    assert ("matplotlib" in modules) is (workers == "1")  # else another process draws
    assert not modules & NOT_FOR_STUDIES


def test_importing_the_package_loads_nothing_heavy() -> None:
    """`import sim` costs nothing: its names are imported when they are first used."""
    code = "import sys, sim, json; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert not set(json.loads(ended.stdout)) & HEAVY


@pytest.mark.benchmark_ratio
def test_help_and_check_take_less_than_importing_pandas(tmp_path: Path) -> None:
    """`check` takes less CPU time than one `import pandas`, help a third of that at most.

    Medians of ratios, each of two programs that ran one after the other, with compiled modules kept.
    """
    kept = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    pandas = [sys.executable, "-c", "import pandas"]
    for words, most in (["--help"], 0.33), (["check", HOSPITAL], 1.0):
        ours = [sys.executable, "-m", "sim", *words]
        cpu_s(pandas, kept), cpu_s(ours, kept)  # compiles
        ratios = [cpu_s(ours, kept) / cpu_s(pandas, kept) for _ in range(11)]
        assert np.median(ratios) < most, (words, ratios)


def cpu_s(command: list[str], changes: dict[str, str]) -> float:
    """CPU time of a program [s]."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment(**changes), stdout=subprocess.DEVNULL, check=True, cwd=os.sep)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
