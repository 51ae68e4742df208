"""Spot markets: from a record of availability to a chain of regimes with fitted spells."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from sim.calibrate.catalogue import Entry, Source, duration, number, percentages
from sim.calibrate.fitting import KOLMOGOROV_5_PERCENT, Choice, Sample, choose
from sim.calibrate.laws import Floats
from sim.calibrate.tables import SPOT_TRACES, read

if TYPE_CHECKING:
    import pandas as pd

EARLIER, LATER = "aws-10-26-2022", "aws-02-15-2023"
LAST_DAYS = {EARLIER: "2022-11-22", LATER: "2023-04-01"}
PROBED_TWICE = ("us-west-2a", "us-west-2b")
"""Zones in both campaigns. The earlier one has the plain name: whole nodes were probed at the same moments.
"""


@dataclass(frozen=True, slots=True)
class Runs:
    """A record of regimes: back to back from `edges_s[n]` to `edges_s[n + 1]` the market was in "
    "`regimes[n]`."""

    edges_s: Floats
    regimes: tuple[str, ...]

    @property
    def resolution_s(self) -> float:
        """How far apart two changes can be told: the shortest spell of the record."""
        return float(np.diff(self.edges_s).min())


@dataclass(frozen=True, slots=True)
class Regime:
    """What was found about one regime of a market."""

    sample: Sample
    mean_s: float
    share: float
    choice: Choice
    next: Mapping[str, float]


def spells(runs: Runs, regime: str) -> Sample:
    """The spells of one regime; the first and the last of the record are censored."""
    here = np.array([name == regime for name in runs.regimes])
    censored = np.zeros(len(here), dtype=np.bool_)
    censored[[0, -1]] = True
    return Sample(np.diff(runs.edges_s)[here], censored[here], runs.resolution_s)


def mean_spell_s(runs: Runs, regime: str) -> float:
    """The mean spell [s]: the time in the regime per visit, a visit cut off by an end of the record counting
    half.

    The mean of the spells seen would take the two cut ones for whole, and leaving them out would lose the
    longest ones most often. Time per visit is right for any law of the spells, and the shares of time come
    out exactly.
    """
    here = np.array([name == regime for name in runs.regimes])
    visits = here.sum() - (int(here[0]) + int(here[-1])) / 2
    return float(np.diff(runs.edges_s)[here].sum() / visits)


def share(runs: Runs, regime: str) -> float:
    """The share of the time that the market was in a regime."""
    here = np.array([name == regime for name in runs.regimes])
    return float(np.diff(runs.edges_s)[here].sum() / (runs.edges_s[-1] - runs.edges_s[0]))


def next_shares(runs: Runs, regime: str) -> dict[str, float]:
    """Where the market went from a regime, as shares of the spells whose end was seen."""
    followers = [after for name, after in zip(runs.regimes, runs.regimes[1:], strict=False) if name == regime]
    return {name: followers.count(name) / len(followers) for name in sorted(set(followers))}


def find_regimes(runs: Runs) -> dict[str, Regime]:
    """Each regime of a record, with its spells fitted under their mean."""
    found = {}
    for name in sorted(set(runs.regimes)):
        sample, mean_s = spells(runs, name), mean_spell_s(runs, name)
        found[name] = Regime(
            sample, mean_s, share(runs, name), choose(sample, mean_s), next_shares(runs, name)
        )
    return found


def market_value(regimes: Mapping[str, Regime], largest_gang: Mapping[str, int]) -> dict[str, Any]:
    """A market in the scenario language; `next` is left out where there is only one other regime."""
    value: dict[str, Any] = {}
    for name in sorted(regimes, key=lambda regime: -largest_gang.get(regime, 1_000_000)):
        cap = {"largest_gang": largest_gang[name]} if name in largest_gang else {}
        follow = regimes[name].next
        to = dict(zip(follow, percentages(follow.values()), strict=True))
        value[name] = (
            cap | {"spell": regimes[name].choice.law.written()} | ({"next": to} if len(regimes) > 2 else {})
        )
    return {"regimes": value}


def describe(name: str, regime: Regime) -> str:
    """How one regime was fitted, and how near the fit is."""
    sample, choice = regime.sample, regime.choice
    limit = KOLMOGOROV_5_PERCENT / float(np.sqrt(len(sample.lengths_s)))
    best = choice.tried[0].aicc
    ranking = ", ".join(f"{one.law.name} +{one.aicc - best:.1f}" for one in choice.tried)
    lag = stats.spearmanr(sample.lengths_s[:-1], sample.lengths_s[1:]).statistic
    names = [one.law.name for one in choice.tried if one.law is choice.law]
    return (
        f"{name}: {len(sample.lengths_s)} spells, {int(sample.censored.sum())} censored; "
        f"{names[0] if names else 'quantile table (no family fits)'}; Kolmogorov distance "
        f"{choice.distance:.3f} (5% point {limit:.3f}); mean {duration(regime.mean_s)} as seen, cv "
        f"{choice.law.cv:.2f} ({sample.cv:.2f} seen); AICc {ranking}; rank correlation of successive spells "
        f"{lag:.2f}."
    )


def runs_of(table: "pd.DataFrame") -> Runs:
    """The record in rows `t_start_s`, `t_end_s`, `n_available`, sorted by time and without holes."""
    edges = np.append(table["t_start_s"].to_numpy(np.float64), float(table["t_end_s"].iloc[-1]))
    return Runs(edges, tuple("open" if n > 0 else "shut" for n in table["n_available"]))


def join(single: Runs, whole: Runs) -> Runs:
    """Two records of the same time as one with three regimes.

    `open` where whole nodes start, `scarce` where only single accelerators do, else `shut`.
    """
    edges = np.union1d(single.edges_s, whole.edges_s)
    singles, nodes = (
        [record.regimes[n] == "open" for n in np.searchsorted(record.edges_s, edges[:-1], side="right") - 1]
        for record in (single, whole)
    )
    names = ["open" if w else "scarce" if s else "shut" for s, w in zip(singles, nodes, strict=True)]
    keep = [n for n, name in enumerate(names) if n == 0 or names[n - 1] != name]
    return Runs(np.append(edges[keep], edges[-1]), tuple(names[n] for n in keep))


def market_entries(data: Path) -> list[Entry]:
    """The markets of all zones and resources of the spot traces, and the joint ones."""
    table = read(data, "spot_traces_aws_gcp/availability_runs")
    records = {
        (str(zone), str(resource), str(campaign)): runs_of(rows)
        for (zone, resource, campaign), rows in table.groupby(["zone", "resource", "campaign"])
    }
    entries = []
    for (zone, resource, campaign), runs in records.items():
        suffix = ".2023-02" if zone in PROBED_TWICE and campaign == LATER else ""
        name = f"spot.{zone}.{resource.replace('_', '-')}{suffix}"
        entries.append(_market_entry(name, campaign, runs, {"shut": 0}, _PROBE))
    for zone in PROBED_TWICE:
        single, whole = records[zone, "v100_1", EARLIER], records[zone, "v100_8", EARLIER]
        entries += [_joint_entry(zone, single, whole)]
    return sorted(entries, key=lambda entry: entry.name)


_PROBE = "A probe is started and ended at each tick: it tells whether a start succeeds, not quite survival."


def _joint_entry(zone: str, single: Runs, whole: Runs) -> Entry:
    runs = join(single, whole)
    odd = share(runs, "open") + share(runs, "scarce") - share(single, "open")
    about = (
        f"From single V100s and nodes of 8 probed at the same moments. For {number(100 * odd, 2)}% of the "
        "time a node started and a single one did not; that counts as open, so single ones are to be had a "
        "little more than seen."
    )
    return _market_entry(f"spot.{zone}.v100", EARLIER, runs, {"shut": 0, "scarce": 1}, about)


def _market_entry(name: str, campaign: str, runs: Runs, largest_gang: dict[str, int], about: str) -> Entry:
    regimes = find_regimes(runs)
    shares = ", ".join(f"{regime} {found.share:.3f}" for regime, found in regimes.items())
    days = number(float(runs.edges_s[-1] - runs.edges_s[0]) / 86400, 3)
    fits = " ".join(describe(regime, found) for regime, found in regimes.items())
    note = (
        f"{about} Shares of {days} days: {shares}, kept by the means. Ends are known to "
        f"{duration(runs.resolution_s)}. {fits}"
    )
    ends = "; ".join(f"{regime} {_ends(found.sample.lengths_s)}" for regime, found in regimes.items())
    source = Source(f"{SPOT_TRACES}, campaign {campaign}", LAST_DAYS[campaign])
    return Entry(
        name, "market", market_value(regimes, largest_gang), source, "measured", range=ends, note=note
    )


def _ends(lengths_s: Floats) -> str:
    return f"{duration(float(lengths_s.min()))} .. {duration(float(lengths_s.max()))}"
