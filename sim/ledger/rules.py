"""The rules: what each thing costs. Pure functions of quantities by month and prices; nothing is rounded yet.

Money is in the scenario's currency (`usd` in names), GB = 1e9 bytes, a year has 365 days and the month of a
monthly price 730 h. Arrays have the months as their last axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.calendar import YEAR_S
from sim.scenario.sites import EgressTier

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

HOUR_S = 3_600
MONTH_S = 730 * HOUR_S
GB = 1e9
J_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True, eq=False)
class Charge:
    """How much was priced, and what it costs, by month."""

    quantity: Floats
    cost_usd: Floats


def purchase(nodes: Ints, price_usd: float) -> Charge:
    """Nodes that are delivered [nodes]: what their seller bills, nodes x price."""
    bought = nodes.astype(np.float64)
    return Charge(bought, bought * price_usd)


def amortisation(young_s: Floats, price_usd: float, life_s: float) -> Charge:
    """The price of nodes, straight-line over their life [node-h].

    cost = node-seconds within the life x price / life.
    """
    return Charge(young_s / HOUR_S, young_s * (price_usd / life_s))


def resale(young_s: Floats, price_usd: float, share: float, life_s: float) -> Charge:
    """The expected resale value of nodes, credited straight-line over their life [node-h].

    cost = - node-seconds within the life x price x share / life; with the amortisation, a node has cost
    price x (1 - share) when its life ends.
    """
    return Charge(young_s / HOUR_S, -young_s * (price_usd * share / life_s))


def support(standing_s: Floats, price_usd: float, share_per_year: float) -> Charge:
    """The support contract of nodes that stand [node-years].

    cost = node-seconds x price x share / year.
    """
    node_years = standing_s / YEAR_S
    return Charge(node_years, node_years * (price_usd * share_per_year))


def power(seconds: Floats, draw_w: float, pue: float, price_usd_per_kwh: float) -> Charge:
    """Electricity at the meter of the site [kWh].

    energy = seconds x draw x PUE / 3.6e6 J/kWh. An idle node draws `idle`; a leased accelerator adds its part
    of what the node draws more when it is busy.
    """
    kwh = seconds * (draw_w * pue / J_PER_KWH)
    return Charge(kwh, kwh * price_usd_per_kwh)


def staff(months_s: Floats, people: float, salary_usd_per_year: float) -> Charge:
    """The people who run a site [person-years].

    cost = seconds x people x salary / year.
    """
    person_years = months_s * (people / YEAR_S)
    return Charge(person_years, person_years * salary_usd_per_year)


def rental(leased_s: Ints, price_usd_per_h: Floats, first_steps: Ints) -> Charge:
    """Rented accelerators [accelerator-h] at a price that is constant within steps.

    cost = sum over a month's steps of accelerator-seconds x price / 3600. `leased_s` and the prices are by
    step, `first_steps` are the positions of each month's first step.
    """
    hours = np.add.reduceat(leased_s, first_steps, axis=-1) / HOUR_S
    return Charge(hours, np.add.reduceat(leased_s * price_usd_per_h, first_steps, axis=-1) / HOUR_S)


def storage(byte_s: Floats, price_usd_per_gb_month: float) -> Charge:
    """Data at rest [GB-months].

    cost = byte-seconds / (1e9 x 730 h) x price.
    """
    gb_months = byte_s / (GB * MONTH_S)
    return Charge(gb_months, gb_months * price_usd_per_gb_month)


def transfer(moved_bytes: Floats, price_usd_per_gb: float) -> Charge:
    """Data that moved over a link [GB]: cost = volume x price."""
    volume_gb = moved_bytes / GB
    return Charge(volume_gb, volume_gb * price_usd_per_gb)


def egress(left_bytes: Floats, tiers: Sequence[EgressTier]) -> Charge:
    """Data that left a site [GB], shape [senders, months]: each pays its part of the month's bill.

    cost of a sender = tiered cost of the month's volume x its share of that volume.
    """
    volume = left_bytes.sum(axis=0)
    bill_usd = tiered_usd(volume, tiers)
    price_per_byte = np.divide(bill_usd, volume, out=np.zeros_like(volume), where=volume > 0)
    return Charge(left_bytes / GB, left_bytes * price_per_byte)


def tiered_usd(volume_bytes: Floats, tiers: Sequence[EgressTier]) -> Floats:
    """What volumes cost when each part has its tier's price; a tier ends at `up_to`, the last does not."""
    cost = np.zeros_like(volume_bytes)
    lower = 0.0
    for tier in tiers:
        upper = np.inf if tier.up_to is None else tier.up_to
        cost += np.clip(volume_bytes - lower, 0.0, upper - lower) * (tier.price / GB)
        lower = upper
    return cost
