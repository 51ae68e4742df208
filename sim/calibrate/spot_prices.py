"""The path of a spot price: a logarithm that wanders around its mean."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.calibrate.catalogue import Entry, duration, number, quantity
from sim.calibrate.laws import Floats
from sim.calibrate.tables import SPOT_PRICES, floats, read

STEP_S = 6 * 3600.0
"""How often the price is looked at [s]: it changes a few times a day."""

POOLED = "aws-v100"


@dataclass(frozen=True, slots=True)
class PricePath:
    """How a price moves.

    Standard deviation of its logarithm over time; half-life of a deviation [s]; changes per second.
    """

    sd: float
    half_life_s: float
    changes_per_s: float


def price_path(times_s: Floats, prices: Floats) -> PricePath:
    """The path of a price that changes to `prices` at `times_s`.

    The half-life is that of an exponential autocorrelation with the value seen at a lag of one day.
    """
    grid = np.arange(times_s[0], times_s[-1], STEP_S)
    log_price = np.log(prices[np.searchsorted(times_s, grid, side="right") - 1])
    deviation = log_price - log_price.mean()
    lag = round(86400 / STEP_S)
    carried = float(np.sum(deviation[:-lag] * deviation[lag:]) / np.sum(deviation**2))
    half_life_s = math.log(0.5) / math.log(carried) * lag * STEP_S
    changes = float((np.diff(prices) != 0).sum() / (times_s[-1] - times_s[0]))
    return PricePath(float(log_price.std()), half_life_s, changes)


def spot_price_entries(data: Path) -> list[Entry]:
    """The path of the price of a V100 in each zone, and that of all zones together."""
    table = read(data, "spot_v100_prices_2023/price_changes")
    entries, paths = [], []
    for zone, rows in table.groupby("zone"):
        prices = floats(rows["price_usd_h"])
        paths.append(price_path(floats(rows["t_s"]), prices))
        entries.append(_entry(str(zone), paths[-1], prices, "p3.2xlarge in one zone."))
    pooled = PricePath(
        math.sqrt(float(np.mean([path.sd**2 for path in paths]))),
        float(np.median([path.half_life_s for path in paths])),
        float(np.median([path.changes_per_s for path in paths])),
    )
    about = f"{len(paths)} zones: their mean variance, median half-life and median rate of changes."
    return [*entries, _entry(POOLED, pooled, floats(table["price_usd_h"]), about)]


def _entry(zone: str, path: PricePath, prices: Floats, about: str) -> Entry:
    value = {
        "sd": quantity(100 * path.sd, "%", 3),
        "half_life": duration(path.half_life_s, 2),
        "changes": quantity(86400 * path.changes_per_s, "per day", 2),
    }
    ends = f"{number(float(prices.min()), 5)} .. {quantity(float(prices.max()), 'USD/hour', 5)}"
    note = (
        f"{about} sd of the log price over time. 45 days cannot tell a slow return to the mean from a trend: "
        "the half-life is a lower bound. In us-east-2 and us-west-2 the price lies on a floor of 30% of "
        "on-demand for half of the time or more, which this path does not have."
    )
    name = f"spot-price.{zone}"
    return Entry(
        name, "spot-price", {"mean_reverting": value}, SPOT_PRICES, "measured", range=ends, note=note
    )
