"""From a plan and a world to the memory of the compiled engine."""

from itertools import accumulate, chain

import numpy as np

from sim.engine.compiled import layout
from sim.engine.compiled.draws import DrawTable
from sim.engine.compiled.layout import NONE, Memory
from sim.engine.compiled.outside import Wish, outside_events
from sim.engine.compiled.soonest import OUT
from sim.engine.compiled.waiting import Lines
from sim.memory import Array, Ints, rows_for, table, zeros
from sim.policies.plan import Plan, PoolPlan, Purchase
from sim.policies.procurement import DAY_S
from sim.world.world import ANY_GANG, World

FEW = 64
"""Rows that a table has room for at first, where nothing better is known."""


def set_up(world: World, plan: Plan) -> tuple[Memory, DrawTable]:
    """The memory at the start, and the table that works out its draws."""
    draws = DrawTable.of(world)
    bits = option_bits(plan)
    wishes = [Wish.of(world, plan, fleet) for fleet in plan.fleets]
    slots = [wish.slots for wish in wishes]
    started = sum(wish.starts for wish in wishes)
    requests = sum(slots) + len(world.jobs)
    sizes = _sizes(world, plan)
    places = [node_places(plan, pool) for pool in plan.pools]
    lines = Lines(plan)
    ways = lines.ways([option for workload in plan.workloads for option in workload.options], sizes)
    pools = _pools(world, plan, places, lines, draws)
    trees = _trees(pools)
    workloads, options = _workloads(plan, wishes, sizes, draws), _options(plan, draws)
    memory = Memory(
        state=table(layout.STATE, 1),
        pools=pools,
        nodes=table(layout.NODE, sum(places)),
        held=zeros(sum(n * pool.node_accelerators for n, pool in zip(places, plan.pools, strict=True))),
        levels=_levels(plan, places),
        words=zeros(
            sum(_words(n) * (p.node_accelerators + 1) for n, p in zip(places, plan.pools, strict=True))
        ),
        summary=zeros(
            sum(
                _words(_words(n)) * (p.node_accelerators + 1) for n, p in zip(places, plan.pools, strict=True)
            )
        ),
        trees=trees,
        touched=zeros(len(trees) // 2),
        chosen=zeros(max(places, default=0) + 1),
        promised=zeros(sum(places)),
        workloads=workloads,
        reactions=_reactions(plan),
        sights=_sights(wishes),
        needs=zeros(sum(_watched(wish) for wish in wishes)),
        settled=zeros(sum(_watched(wish) for wish in wishes)),
        options=options,
        ways=ways,
        refused=np.array(
            [pool for workload in plan.workloads for pool in workload.forbidden], dtype=np.int64
        ),
        busy=lines.busy_table(),
        rules=_rules(plan),
        reviews=_reviews(plan),
        lines=lines.table(),
        active=zeros(lines.count),
        heads=zeros(lines.count),
        watchers=zeros((len(plan.pools), len(plan.pools))),
        requests=_requests(plan, slots, sizes, requests),
        entries=table(layout.ENTRY, requests << bits),
        columns=_columns(sizes),
        fresh=zeros(requests),
        granted=zeros(requests),
        arrivals=np.ascontiguousarray(world.jobs.submit_s),
        work_s=np.ascontiguousarray(world.jobs.work_s),
        gangs=np.ascontiguousarray(world.jobs.accelerators),
        job_workload=np.ascontiguousarray(world.jobs.workload),
        job_number=np.ascontiguousarray(world.jobs.number),
        outside=_outside(world, plan, wishes),
        events=rows_for(layout.EVENT, 2 * requests + FEW),
        streams=_streams(draws),
        draw_keys=draws.keys,
        draw_s=draws.seconds,
        starts=zeros(sum(slots)),
        midnights=zeros((len(plan.pools) * (plan.horizon_s // DAY_S + 1), 2)),
        at_site=_copies(plan),
        asking=np.full((len(plan.datasets), len(plan.sites)), NONE),
        dataset_home=np.array(plan.dataset_home, dtype=np.int64),
        dataset_bytes=np.array(plan.dataset_bytes, dtype=np.float64),
        dataset_growth=np.array(plan.dataset_growth_bytes_per_s, dtype=np.float64),
        route_link=_links(plan),
        route_bps=_bandwidths(plan),
        link_free_s=zeros(1 + max((route.link for route in plan.routes.values()), default=0)),
        attempts=rows_for(layout.ATTEMPT, 2 * len(world.jobs) + FEW),
        replicas=rows_for(layout.REPLICA, started + 2 * sum(slots) + FEW),
        refusals=rows_for(layout.REFUSAL, 2 * (len(world.jobs) + started << bits) + FEW),
        outages=rows_for(layout.OUTAGE, sum(len(times.node) for times in world.failures.values()) + 1),
        shipments=rows_for(layout.SHIPMENT, FEW),
        transfers=rows_for(layout.TRANSFER, len(plan.datasets) * len(plan.sites) + 1),
        delivered=rows_for(layout.DELIVERED, sum(places) + 1),
    )
    state = memory.state
    state["horizon_s"], state["jobs"], state["slots"] = plan.horizon_s, len(world.jobs), sum(slots)
    state["bits"] = bits
    state["shipping"] = sum(rule.deliveries for pool in plan.pools for rule in pool.orders)
    return memory, draws


def option_bits(plan: Plan) -> int:
    """How many bits the number of an option needs among those of its workload."""
    options = max((len(workload.options) for workload in plan.workloads), default=1)
    return max(options - 1, 0).bit_length()


def node_places(plan: Plan, pool: PoolPlan) -> int:
    """The most nodes that an owned pool can come to hold, even if conditional orders are placed every day."""
    days = plan.horizon_s // DAY_S
    ordered = sum(rule.nodes * (days if rule.at_s is None else 1) for rule in pool.orders)
    return min(pool.standing + ordered, max(pool.max_nodes, pool.standing))


def _words(nodes: int) -> int:
    """Words of 32 bits for as many nodes, with a bit to spare: one looks behind the last node, too."""
    return nodes // 32 + 1


def _words_by_level(plan: Plan, places: list[int]) -> list[int]:
    """Words for each pool and number of free accelerators."""
    return [
        _words(nodes)
        for pool, nodes in zip(plan.pools, places, strict=True)
        for _ in range(pool.node_accelerators + 1)
    ]


def _leaves(nodes: int) -> int:
    """The power of two that is not smaller; 0 for pools without nodes."""
    return 1 << (nodes - 1).bit_length() if nodes else 0


def _sizes(world: World, plan: Plan) -> list[int]:
    """The sizes of gangs that there are."""
    jobs = np.flatnonzero(np.bincount(world.jobs.accelerators))
    return sorted({*jobs.tolist(), *(fleet.accelerators for fleet in plan.fleets)})


def _columns(sizes: list[int]) -> Ints:
    """Where each size of a gang stands among all."""
    columns = np.full(max(sizes, default=0) + 1, NONE)
    columns[sizes] = np.arange(len(sizes))
    return columns


def _pools(world: World, plan: Plan, places: list[int], lines: Lines, draws: DrawTable) -> Array:
    pools = table(layout.POOL, len(plan.pools))
    node = held = level = tree = rule = 0
    used = {option.pool for workload in plan.workloads for option in workload.options}
    for index, (pool, here, nodes) in enumerate(zip(plan.pools, pools, places, strict=True)):
        is_owned = pool.purchase is Purchase.OWNED
        market = world.markets.get(pool.path)
        facts = {
            "is_owned": is_owned,
            "is_spot": pool.purchase is Purchase.SPOT,
            "backfill": is_owned and plan.backfill,
            "per_node": pool.node_accelerators,
            "quota": pool.quota,
            "notice_s": pool.notice_s,
            "max_nodes": pool.max_nodes,
            "site": pool.site,
            "first_node": node,
            "first_held": held,
            "first_level": level,
            "first_tree": tree,
            "leaves": _leaves(nodes),
            "gangs": lines.gangs(index),
            "stale": (1 << lines.gangs(index).bit_count()) - 1,
            "first_line": lines.first_at(index),
            "first_rule": rule,
            "rules": len(pool.orders),
            "first_midnight": index * (plan.horizon_s // DAY_S + 1),
            "lead_stream": draws.stream(f"lead-time:{pool.path}"),
            "nodes": pool.standing,
            "largest_gang": ANY_GANG if market is None or index not in used else market.largest_gang[0],
            "first_lease": NONE,
        }
        for name, value in facts.items():
            here[name] = value
        node += nodes
        held += nodes * pool.node_accelerators
        level += pool.node_accelerators + 1
        tree += 2 * _leaves(nodes) * lines.gangs(index).bit_count()
        rule += len(pool.orders)
    return pools


def _trees(pools: Array) -> Ints:
    """The tournaments of all pools: nobody there yet, and nobody out of date."""
    leaves = np.repeat(pools["leaves"], [int(gangs).bit_count() for gangs in pools["gangs"]])
    trees = np.full(2 * leaves.sum(), OUT)
    trees[2 * (np.cumsum(leaves) - leaves)[leaves > 0]] = 0
    return trees


def _levels(plan: Plan, places: list[int]) -> Array:
    levels = table(layout.LEVEL, sum(pool.node_accelerators + 1 for pool in plan.pools))
    words = _words_by_level(plan, places)
    levels["first_word"] = list(accumulate(words, initial=0))[:-1]
    levels["first_summary"] = list(accumulate(map(_words, words), initial=0))[:-1]
    levels["summaries"] = list(map(_words, words))
    return levels


def _workloads(plan: Plan, wishes: list[Wish], sizes: list[int], draws: DrawTable) -> Array:
    workloads = table(layout.WORKLOAD, len(plan.workloads))
    option = refusal = 0
    for row, workload in zip(workloads, plan.workloads, strict=True):
        row["first_option"], row["options"] = option, len(workload.options)
        row["first_refusal"], row["refusals"] = refusal, len(workload.forbidden)
        row["load_stream"] = NONE
        option += len(workload.options)
        refusal += len(workload.forbidden)
    for row, training in zip(workloads, plan.trainings, strict=False):
        row["every_s"], row["cost_s"], row["restart_s"] = training.checkpoints
        row["deadline_s"] = training.deadline_s
    first = list(accumulate((wish.slots for wish in wishes), initial=0))
    sight = list(accumulate(map(_watched, wishes), initial=0))
    for n, (fleet, wish) in enumerate(zip(plan.fleets, wishes, strict=True)):
        row = workloads[len(plan.trainings) + n]
        row["is_service"], row["load_stream"] = 1, draws.stream(f"load:{fleet.name}")
        row["service"], row["gang"] = fleet.service, sizes.index(fleet.accelerators)
        row["first_request"], row["slots"], row["first_sight"] = first[n], wish.slots, sight[n]
        row["warm"], row["warm_start_s"] = fleet.scale.warm, fleet.scale.warm_start_s
        row["interval_s"] = 0 if wish.known is None else plan.interval_s
        row["patience_ms"] = fleet.scale.patience_ms
    return workloads


def _reactions(plan: Plan) -> Array:
    reactions = table(layout.REACTION, len(plan.workloads))
    for row, fleet in zip(reactions[len(plan.trainings) :], plan.fleets, strict=True):
        for name, value in fleet.scale.reaction._asdict().items():
            row[name] = value
    return reactions


def _watched(wish: Wish) -> int:
    """Intervals at which the rule of a service is asked."""
    return 0 if wish.known is None else len(wish.known.asked)


def _sights(wishes: list[Wish]) -> Array:
    """What rules that are asked may know, one service after the other."""
    sights = table(layout.SIGHT, sum(map(_watched, wishes)))
    known = [wish.known for wish in wishes if wish.known is not None]
    for name in sights.dtype.names or ():
        if known:
            sights[name] = np.concatenate([getattr(each, name) for each in known])
    return sights


def _options(plan: Plan, draws: DrawTable) -> Array:
    owned = [(workload.name, option) for workload in plan.workloads for option in workload.options]
    options = table(layout.OPTION, len(owned))
    for row, (name, option) in zip(options, owned, strict=True):
        path = plan.pools[option.pool].path
        row["pool"], row["speed_ppm"], row["dataset"] = option.pool, option.speed_ppm, option.staged
        row["wait_s"], row["slack_s"] = option.opening.wait_s, option.opening.slack_s
        row["at_once"], row["rate_micro"] = option.at_once, option.rate_micro
        row["boot_stream"] = draws.stream(f"boot:{path}:{name}")
        row["lifetime_stream"] = draws.stream(f"lifetime:{path}:{name}")
    return options


def _rules(plan: Plan) -> Array:
    rules = table(layout.RULE, sum(len(pool.orders) for pool in plan.pools))
    review = 0
    for row, rule in zip(rules, chain.from_iterable(pool.orders for pool in plan.pools), strict=True):
        row["nodes"], row["at_s"] = rule.nodes, NONE if rule.at_s is None else rule.at_s
        row["deliveries"], row["first_review"], row["reviews"] = rule.deliveries, review, len(rule.reviews)
        review += len(rule.reviews)
    return rules


def _reviews(plan: Plan) -> Array:
    found = [review for pool in plan.pools for rule in pool.orders for review in rule.reviews]
    reviews = table(layout.REVIEW, len(found))
    for row, review in zip(reviews, found, strict=True):
        row["above"], row["ppm"], row["days"] = review
    return reviews


def _requests(plan: Plan, slots: list[int], sizes: list[int], count: int) -> Array:
    """The slots of all fleets, then the jobs, of whom nothing is known before they arrive."""
    requests = table(layout.REQUEST, count)
    first = 0
    for n, (fleet, many) in enumerate(zip(plan.fleets, slots, strict=True)):
        rows = requests[first : first + many]
        rows["workload"], rows["entity"] = len(plan.trainings) + n, fleet.service
        rows["number"], rows["gang"] = fleet.first_slot + np.arange(many), sizes.index(fleet.accelerators)
        first += many
    return requests


def _copies(plan: Plan) -> Ints:
    at_site = zeros((len(plan.datasets), len(plan.sites)))
    at_site[np.arange(len(plan.datasets)), list(plan.dataset_home)] = 1
    return at_site


def _links(plan: Plan) -> Ints:
    links = np.full((len(plan.sites), len(plan.sites)), NONE)
    for (source, target), route in plan.routes.items():
        links[source, target] = route.link
    return links


def _bandwidths(plan: Plan) -> layout.Floats:
    bandwidths = np.ones((len(plan.sites), len(plan.sites)))
    for (source, target), route in plan.routes.items():
        bandwidths[source, target] = route.bandwidth_bps
    return bandwidths


def _outside(world: World, plan: Plan, wishes: list[Wish]) -> Array:
    keys, pools, values = outside_events(world, plan, wishes)
    events = table(layout.OUTSIDE, len(keys))
    events["key"], events["pool"], events["value"] = keys, pools, values
    return events


def _streams(draws: DrawTable) -> Array:
    streams = table(layout.STREAM, len(draws.constants))
    streams["constant_s"] = draws.constants
    return streams
