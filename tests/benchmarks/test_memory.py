"""What all processes of a study hold at most, the real simulator in them; `-s` shows it.

`python -m tests.benchmarks.test_memory` measures 50 and 500 futures.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.benchmarks.test_whole_command import HOSPITAL

PROC = Path("/proc")
EVERY_S = 0.25
MIB = 1024
"""KiB, in which the kernel counts."""


def tree(process: int) -> list[int]:
    """A process and all that come from it."""
    parents: dict[int, list[int]] = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended since
            continue
        parents.setdefault(int(words[1]), []).append(int(stat.parent.name))
    found = [process]
    for one in found:
        found += parents.get(one, [])
    return found


def held_mib(process: int) -> float:
    """Memory of a process [MiB]; what several share counts in parts."""
    try:
        lines = (PROC / str(process) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / MIB


def peak_mib(runs: int) -> float:
    """The most that all processes of a study of the hospital with two workers hold together [MiB]."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "sim", HOSPITAL, "--runs", runs, "--workers", 2, "--quiet", "--out", f"{folder}/study"]
        command = [sys.executable, *map(str, words)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as study:
            most = 0.0
            while study.poll() is None:
                most = max(most, sum(map(held_mib, tree(study.pid))))
                time.sleep(EVERY_S)
            assert study.returncode == 0
            return most


@pytest.mark.benchmark_ratio
@pytest.mark.skipif(not (PROC / "self" / "smaps_rollup").exists(), reason="no such thing on this system")
def test_memory_is_flat_in_runs_and_below_a_gigabyte() -> None:
    """120 futures hold less than 1.3 times what 20 hold, and less than 1 GB."""
    few, many = peak_mib(20), peak_mib(120)
    sys.stdout.write(f"20 futures {few:.0f} MiB, 120 futures {many:.0f} MiB\n")
    assert many < 1.3 * few
    assert many < 1e9 / 2**20


if __name__ == "__main__":
    sys.stdout.write(f"50 futures {peak_mib(50):.0f} MiB, 500 futures {peak_mib(500):.0f} MiB\n")
