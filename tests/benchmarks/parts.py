"""Where the time of a future goes: `python -m tests.benchmarks.parts SCENARIO FUTURES`.

Prints processor seconds per future, all strategies together, of sampling the world, the engine, the services'
intervals, the ledger, and metrics with series.
"""

import sys
import time
from collections import Counter

from sim.ledger import post
from sim.loading import load
from sim.metrics import check_books
from sim.policies.plan import make_plan
from sim.study.services import achieved, build_servings
from sim.study.simulation import Run, cost_facts, responses, run_engine, service_facts
from sim.world import sample


def parts(path: str, futures: int) -> Counter[str]:
    """Processor seconds by part, summed over the futures."""
    scenario = load(path)
    servings = build_servings(scenario)
    capacity = {where: serving.capacity_rps for where, serving in servings.items()}
    sample(scenario, 0, futures)  # the first one imports what sampling needs
    spent: Counter[str] = Counter()
    for number in range(futures):
        clock = _Clock(spent)
        world = sample(scenario, 0, number)
        clock.lap("world")
        for strategy in scenario.strategies:
            plan = make_plan(world.scenario, strategy, capacity)
            records = run_engine(world, plan)
            clock.lap("engine")
            check_books(plan, records)
            services = achieved(plan, world.scenario, world.demand_rps, records.replicas, servings)
            clock.lap("serving")
            ledger = post(world, plan, records, responses(world.scenario, plan, services))
            costs = cost_facts(world, plan, records, ledger)
            clock.lap("ledger")
            facts = tuple(service_facts(index, service) for index, service in enumerate(services))
            Run(world, plan, records, facts, ledger, costs).result()
            clock.lap("metrics")
    return spent


class _Clock:
    """Adds the processor time since the last lap to a part."""

    def __init__(self, spent: Counter[str]) -> None:
        self.spent = spent
        self.since = time.process_time()

    def lap(self, part: str) -> None:
        now = time.process_time()
        self.spent[part] += now - self.since
        self.since = now


if __name__ == "__main__":
    path, futures = sys.argv[1], int(sys.argv[2])
    found = parts(path, futures)
    for part, seconds in found.items():
        sys.stdout.write(f"{part:8} {seconds / futures:7.3f} s a future {seconds / found.total():6.1%}\n")
    sys.stdout.write(f"{'all':8} {found.total() / futures:7.3f} s a future\n")
