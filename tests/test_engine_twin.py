"""The compiled engine leaves the records of the SimPy engine, whatever the plan and the world."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numba
import numpy as np
import pytest
from hypothesis import given, settings

from sim.distributions import Exponential
from sim.engine import Engine, why_simpy
from sim.engine import run as run_engine
from sim.engine.compiled import levels, lines
from sim.engine.compiled.philox import block_of_uniforms
from sim.engine.compiled.setup import set_up
from sim.loading import load_text
from sim.loading.yaml_text import write_yaml
from sim.policies.placement import ANY_SLACK, Opening
from sim.policies.plan import Plan, make_plan
from sim.scenario.model import Scenario
from sim.streams import stream_key, uniforms
from sim.world import sample
from sim.world.world import Draws, World
from tests.engines import first_difference, run
from tests.generators import scenario_trees
from tests.miniature import jobs, on_demand, option, owned, plan, service, spot, training, world
from tests.test_engine_properties import Case, cases

ROOT = Path(__file__).parent.parent


def from_python(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that only compiled functions can call otherwise."""

    def call(*told: Any) -> Any:
        return function(*told)

    return cast(Callable[..., Any], numba.njit(call))


enter, following, strike = map(from_python, (levels.enter, levels.following, levels.strike))
enter_line, leave_line = map(from_python, (lines.enter_line, lines.leave_line))


def plans(scenario: Scenario, number: int) -> list[tuple[World, Plan]]:
    """A future of a scenario, and each strategy in it; a replica of any service sustains three requests/s."""
    future = sample(scenario, 7, number)
    places = [(name, path) for name in scenario.workloads for path in scenario.pools()]
    rates = dict.fromkeys(places, 3.0)
    return [(future, make_plan(future.scenario, strategy, rates)) for strategy in scenario.strategies]


@given(cases())
@settings(max_examples=300, deadline=None)
def test_records_are_the_same_in_small_worlds_full_of_ties(case: Case) -> None:
    """All kinds of events at the same seconds: jobs, reclaims, failures, deliveries, openings, transfers."""
    run(*case)


@pytest.mark.slow
@given(cases())
@settings(max_examples=6000, deadline=None)
def test_records_are_the_same_in_thousands_of_small_worlds(case: Case) -> None:
    """The same, at length."""
    run(*case)


@given(scenario_trees())
@settings(max_examples=150, deadline=None)
def test_records_are_the_same_in_generated_scenarios(tree: dict[str, Any]) -> None:
    """What a user could write, sampled and run under each strategy."""
    for case in plans(load_text(write_yaml(tree)), 0):
        run(*case)


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml")))
def test_records_are_the_same_in_what_ships(name: str) -> None:
    """Some weeks of each scenario that ships, two futures of it under every strategy."""
    text = (ROOT / f"scenarios/{name}.yaml").read_text(encoding="utf-8")
    scenario = load_text(text.replace("horizon: 2 years", "horizon: 10 weeks").replace("3 months", "3 weeks"))
    for number in range(2):
        for case in plans(scenario, number):
            run(*case)


def test_difference_names_the_earliest_record_of_both() -> None:
    """A job that runs ten seconds longer: its attempt is shown as each engine has it, and nothing later."""
    made = plan([owned()], [training(option(0))])
    short, long = (
        run_engine(world(jobs((0, 8, 100), (5, 8, work_s))), made, Engine.SIMPY) for work_s in (50, 60)
    )
    told = first_difference(short, long)
    assert told is not None
    assert told.startswith("attempts\n  simpy:    {'job': 1,")
    assert "'end_s': 150" in told.splitlines()[1]
    assert "'end_s': 160" in told.splitlines()[2]
    assert first_difference(short, short) is None


def test_tables_grow_when_attempts_and_refusals_outnumber_what_was_expected() -> None:
    """Forty jobs that a market takes back every other second of twenty minutes: 24,000 attempts."""
    future = world(
        jobs(*((0, 1, 10**6) for _ in range(40))),
        markets={"site1/spot": [(second, second % 2) for second in range(1200)]},
    )
    records = run(future, plan([spot()], [training(option(0))], horizon_s=1200))
    assert len(records.attempts) == 40 * 600


def test_draws_beyond_every_block_are_the_ones_that_simpy_draws() -> None:
    """A lease that lives for a random few seconds, thousands of times over: attempts up to some thousands."""
    lifetimes = {"lifetime:site1/spot:train": Exponential(2.0)}
    future = replace(world(jobs((0, 1, 10**6))), draws=Draws(0, 0, lifetimes))
    records = run(future, plan([spot()], [training(option(0))], horizon_s=20_000))
    assert len(records.attempts) > 5000


@pytest.mark.parametrize("nodes", [31, 32, 64, 1024])
def test_looking_behind_the_last_node_finds_none(nodes: int) -> None:
    """The last node is promised and the only one with room: the search goes on behind it, and ends there."""
    rows = [(0, 8, 1000)] * (nodes - 2) + [(0, 3, 1000), (0, 2, 10), (0, 4, 500), (20, 8, 100), (20, 4, 800)]
    records = run(world(jobs(*rows)), plan([owned(nodes)], [training(option(0))], horizon_s=5000))
    assert records.attempts.node.max() < nodes


def test_more_fleets_than_their_slots_can_be_told_apart_run_in_simpy() -> None:
    """A draw's entity has 27 bits and a fleet 2^20 slots: the 129th fleet of a service is one too many."""
    for number, reason in ((127, None), (128, "129 sites for which a service scales, and 128 are the most")):
        made = plan([owned(1)], services=[replace(service(option(0)), number=number)])
        assert why_simpy(made) == reason


def test_what_is_too_much_runs_in_simpy() -> None:
    """Nodes of 64 accelerators do not fit the bits: auto takes SimPy, compiled says why not."""
    made = plan([owned(1, size=64)], [training(option(0))])
    assert why_simpy(made) == "64 accelerators in a node, and 60 are the most"
    assert len(run_engine(world(jobs((0, 64, 10))), made).attempts) == 1
    with pytest.raises(OverflowError, match="64 accelerators in a node"):
        run_engine(world(jobs((0, 64, 10))), made, Engine.COMPILED)


def test_kernels_do_the_same_without_the_compiler() -> None:
    """With NUMBA_DISABLE_JIT the same code runs as Python: the same records of a world with a bit of all."""
    script = (
        "from hypothesis import given, settings\n"
        "from tests.engines import run\n"
        "from tests.test_engine_properties import cases\n"
        "@given(cases())\n"
        "@settings(max_examples=25, deadline=None, database=None)\n"
        "def check(case): run(*case)\n"
        "check()\n"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_compiled_draws_are_those_of_the_streams() -> None:
    """Blocks of Philox in compiled code and in numpy: the same bits, at small and at large counters."""
    key = stream_key(3, 5, "lifetime:a/b:c")
    for entity, attempt in ((0, 0), (1 << 20, 7), ((1 << 26) + 3, (1 << 25) + 1)):
        block = block_of_uniforms(key, entity, attempt, 5, 9)
        entities = np.arange(entity, entity + 5)[:, np.newaxis]
        assert np.array_equal(block, uniforms(key, entities, np.arange(attempt, attempt + 9)))


def test_kernels_ask_no_table_how_long_it_is() -> None:
    """Tables have no length in compiled code, where `len(m.pools)` would be 0: all ask `length`."""
    texts = {
        module.name: module.read_text(encoding="utf-8")
        for folder in ("engine/compiled", "serving")
        for module in (ROOT / "sim" / folder).glob("*.py")
    }
    assert "length(m, POOLS)" in texts["loop.py"]
    assert "length(m, LANES)" in texts["flow.py"]
    assert not [name for name, text in texts.items() if re.search(r"\blen\(m\.|\bm\.\w+\.shape", text)]


def test_levels_find_the_lowest_node_of_thousands() -> None:
    """Nodes 5, 40 and 3000 are entered: from 6 on the next is 40, without it 3000, beyond that none."""
    memory, _ = set_up(world(), plan([owned(4000, size=1)]))
    for node in (3000, 5, 40):
        enter(memory, 0, node)
    assert [following(memory, 0, at) for at in (0, 5, 6, 41, 3001)] == [5, 5, 40, 3000, -1]
    strike(memory, 0, 40)
    assert following(memory, 0, 6) == 3000
    assert memory.levels[0]["nodes"] == 2


def test_lines_give_back_what_they_were_given_in_order() -> None:
    """Two hundred entries in any order, some of which leave from the middle: the rest come out sorted."""
    rows = tuple((0, 1, 10) for _ in range(200))
    memory, _ = set_up(world(jobs(*rows)), plan([on_demand()], [training(option(0))]))
    order = np.random.default_rng(4).permutation(200)
    for entry in order.tolist():
        enter_line(memory, entry)
    for entry in range(0, 200, 3):
        leave_line(memory, entry)
    found = []
    while (root := int(memory.lines[0]["root"])) >= 0:
        found.append(root)
        leave_line(memory, root)
    assert found == [entry for entry in range(200) if entry % 3]
    assert memory.pools[0]["lines"] == 0


def test_options_that_wait_for_time_open_in_either_engine() -> None:
    """A job may leave after two hours: at 60 + 7200, as worked out for the SimPy engine."""
    later = option(1, Opening(7200, ANY_SLACK, ()))
    future = world(jobs((0, 8, 100_000), (60, 8, 100)))
    records = run(future, plan([owned(), on_demand()], [training(option(0), later)]))
    assert records.attempts.start_s.tolist() == [0, 7260]


def test_what_was_worked_out_for_a_world_is_not_taken_for_another() -> None:
    """A replica starts for 8 requests/s, four replicas for 32 in the world that was changed after a run."""
    made = plan([on_demand()], services=[service(option(0), capacity_rps=8.0)])
    calm = world(demand_rps={"serve": np.full(10, 8.0)})
    busy = replace(calm, demand_rps={"serve": np.full(10, 32.0)})
    assert [len(run_engine(each, made, Engine.COMPILED).replicas) for each in (calm, busy, calm)] == [1, 4, 1]
