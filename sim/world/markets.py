"""Spot markets: availability as regimes with heavy-tailed spells or a replayed trace, and price paths."""

from itertools import accumulate

import numpy as np

from sim import streams
from sim.distributions import whole_seconds
from sim.scenario.sites import PricePath, Regime, RegimeMarket, TraceMarket
from sim.world.kernels import walk
from sim.world.world import ANY_GANG, Ints, Market, Prices

WARM_UP_S = 90 * 86_400
"""A market of regimes has run this long when the scenario starts, so that its state then is a typical one."""


def sample_market(
    law: RegimeMarket | TraceMarket, path: str, horizon_s: int, source: streams.Source
) -> Market:
    """Which gangs the market of pool `path` serves from when on; the first change is at 0."""
    match law:
        case RegimeMarket():
            spells_s, largest = _regimes(law, path, horizon_s + WARM_UP_S, source)
            offset_s = WARM_UP_S
        case TraceMarket():
            spells_s = np.array([max(int(spell), 1) for spell, _ in law.trace], dtype=np.int64)
            largest = np.array([_gang(gang) for _, gang in law.trace], dtype=np.int64)
            length_s = int(spells_s.sum())
            offset_s = (
                int(streams.uniform(source.key(f"market:{path}"), 0) * length_s) if law.random_start else 0
            )
            rounds = -(-(horizon_s + offset_s) // length_s)
            spells_s, largest = np.tile(spells_s, rounds), np.tile(largest, rounds)
    begins = np.concatenate(([0], np.cumsum(spells_s)[:-1])) - offset_s
    first = int(np.searchsorted(begins, 0, side="right")) - 1
    last = int(np.searchsorted(begins, horizon_s))
    begins, largest = np.maximum(begins[first:last], 0), largest[first:last]
    changed = np.concatenate(([True], largest[1:] != largest[:-1]))
    return Market(begins[changed].astype(np.int64), largest[changed])


def _gang(largest: int | None) -> int:
    return ANY_GANG if largest is None else largest


def _regimes(law: RegimeMarket, path: str, length_s: int, source: streams.Source) -> tuple[Ints, Ints]:
    """Spells [s] and what they serve, for `length_s` or more: a semi-Markov chain from the first regime."""
    names = list(law.regimes)
    spells = [law.regimes[name].spell.distribution() for name in names]
    serves = np.array([_gang(law.regimes[name].largest_gang) for name in names], dtype=np.int64)
    generators = [source.generator(f"market:{path}:{name}") for name in names]
    chain = source.generator(f"market:{path}")
    moves = np.array([list(accumulate(_moves(law.regimes[name], name, names))) for name in names])
    block = max(int(1.2 * length_s / max(sum(spell.mean() for spell in spells), 1.0)) * len(names), 16)
    states: list[Ints] = []
    times: list[Ints] = []
    state, covered_s = 0, 0
    while covered_s < length_s:
        path_taken = walk(state, moves, chain.random(block))
        visited, state = path_taken[:-1], int(path_taken[-1])
        spell_s = np.empty(block, dtype=np.int64)
        for n, (distribution, generator) in enumerate(zip(spells, generators, strict=True)):
            here = visited == n
            spell_s[here] = np.maximum(whole_seconds(distribution.sample(generator, int(here.sum()))), 1)
        states.append(visited)
        times.append(spell_s)
        covered_s += int(spell_s.sum())
    visited = np.concatenate(states)
    return np.concatenate(times), serves[visited]


def _moves(regime: Regime, name: str, names: list[str]) -> list[float]:
    """Probabilities of going to each regime; without `next`, evenly to the others."""
    if regime.next is not None:
        return [regime.next.get(other, 0.0) for other in names]
    others = len(names) - 1
    return [0.0 if other == name and others else 1.0 / max(others, 1) for other in names]


def sample_prices(law: PricePath, path: str, horizon_s: int, source: streams.Source) -> Prices:
    """The price of pool `path` from when on: a mean-reverting logarithm, seen when a Poisson process says.

    Ornstein-Uhlenbeck with stationary standard deviation `sd` and the stated half-life; the mean price is
    `mean`.
    """
    generator = source.generator(f"price:{path}")
    count = int(generator.poisson(law.changes * horizon_s))
    change_s = np.concatenate(([0], np.unique(np.floor(generator.random(count) * horizon_s)))).astype(
        np.int64
    )
    change_s = np.unique(change_s)
    scores = generator.standard_normal(len(change_s))
    kept = 0.5 ** (np.diff(change_s) / law.half_life) if law.half_life > 0 else np.zeros(len(change_s) - 1)
    level = np.empty(len(change_s))
    level[0] = scores[0]
    for n, share in enumerate(kept.tolist(), start=1):
        level[n] = share * level[n - 1] + np.sqrt(1.0 - share * share) * scores[n]
    return Prices(change_s, law.mean * np.exp(law.sd * level - law.sd**2 / 2))
