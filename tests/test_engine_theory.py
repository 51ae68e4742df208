"""The engine against theory: queues and checkpointed jobs with known answers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sim import streams
from sim.distributions import Exponential
from sim.policies.checkpoints import Checkpoints
from sim.records import Outcome
from sim.world.world import Draws, Jobs
from tests.engines import run
from tests.miniature import jobs, option, owned, plan, spot, training, world


def erlang_c(servers: int, load: float) -> float:
    """Probability that a customer of M/M/c waits (Erlang 1917), with offered load in Erlang."""
    term = math.prod(load / k for k in range(1, servers + 1)) * servers / (servers - load)
    return term / (sum(load**k / math.factorial(k) for k in range(servers)) + term)


def mean_wait(servers: int, load: float, service_s: float, replication: int, customers: int) -> float:
    """Mean wait [s] of the customers after the first eighth in one replication of an owned pool."""
    generator = streams.Source(7, replication).generator("theory")
    submit_s = np.cumsum(generator.exponential(service_s / load, customers)).astype(np.int64)
    work_s = np.ceil(generator.exponential(service_s, customers)).astype(np.int64)
    ones = np.ones(customers, dtype=np.int64)
    facts = Jobs(ones * 0, np.arange(customers), submit_s, ones, work_s)
    horizon_s = int(submit_s[-1] + 50 * service_s)
    records = run(world(facts), plan([owned(servers, size=1)], [training(option(0))], horizon_s=horizon_s))
    waits = records.attempts.start_s - submit_s[records.attempts.job]
    return float(waits[customers // 8 :].mean())


@pytest.mark.parametrize(("servers", "load"), [(1, 0.6), (4, 3.2), (10, 8.0)])
def test_owned_pool_under_poisson_arrivals_waits_as_erlang_c_says(servers: int, load: float) -> None:
    """The mean wait over replications is within 4.5 standard errors (under 6 %) of Erlang C."""
    service_s = 10_000.0
    expected_s = erlang_c(servers, load) * service_s / (servers - load)
    means = np.array(
        [mean_wait(servers, load, service_s, n, 10_000 if servers > 4 else 4_000) for n in range(10)]
    )
    error_s = means.std(ddof=1) / math.sqrt(len(means))
    assert error_s < 0.06 * expected_s, "too weak to see an error worth seeing"
    # Ten replications: chance passes the bound of 4.5 of a t with 9 degrees of freedom once in 700 times.
    assert abs(means.mean() - expected_s) < 4.5 * error_s


def expected_completion_s(rule: Checkpoints, work_s: int, mean_life_s: float) -> float:
    """Expected time of a checkpointed job under exponential reclaims, resumed at once.

    A segment of length s needs e^(r/m) (e^(s/m) - 1) m in expectation, where r is the restart and m the mean
    life: it is repeated, restart included, until no reclaim falls into it; exponential lives have no memory
    from one segment to the next (after Daly, "A higher order estimate of the optimum checkpoint interval",
    2006, exact form).
    """
    full, rest = divmod(work_s - 1, rule.every_s)
    segments = [rule.every_s + rule.cost_s] * full + [rest + 1]
    m = mean_life_s
    return sum(math.exp(rule.restart_s / m) * math.expm1(s / m) * m for s in segments)


def test_checkpointed_job_under_exponential_reclaims_takes_the_expected_time() -> None:
    """The mean completion time of 3,000 jobs is within 4 standard errors (under 2 %) of the exact one."""
    rule = Checkpoints(every_s=1800, cost_s=60, restart_s=300)
    work_s, mean_life_s, count = 20_000, 5_000.0, 3_000
    life = {"lifetime:site1/spot:train": Exponential(mean_life_s)}
    future = replace(world(jobs(*[(0, 1, work_s)] * count)), draws=Draws(3, 0, life))
    records = run(future, plan([spot()], [training(option(0), checkpoints=rule)], horizon_s=10**7))
    done = records.attempts.outcome == Outcome.FINISHED
    assert done.sum() == count
    taken_s = records.attempts.end_s[done]
    error_s = float(stats.sem(taken_s))
    expected_s = expected_completion_s(rule, work_s, mean_life_s)
    assert error_s * 4 < 0.02 * expected_s * 2, "too weak to see an error worth seeing"
    assert abs(taken_s.mean() - expected_s) < 4 * error_s


def test_without_reclaims_the_completion_time_is_work_and_checkpoints() -> None:
    """20,000 s in segments of 1,800 need 11 checkpoints of 60 s: the limit of the formula for long lives."""
    rule = Checkpoints(every_s=1800, cost_s=60, restart_s=300)
    assert expected_completion_s(rule, 20_000, 1e12) == pytest.approx(20_000 + 11 * 60, rel=1e-4)
    records = run(world(jobs((0, 1, 20_000))), plan([spot()], [training(option(0), checkpoints=rule)]))
    assert records.attempts.end_s.tolist() == [20_000 + 11 * 60]
