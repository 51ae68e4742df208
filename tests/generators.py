"""Small valid scenarios of all features, for property tests: a few days, a few dozen jobs."""

from typing import Any

from hypothesis import strategies as st

Tree = dict[str, Any]

ROOM, ON_DEMAND, SPOT = "room/nodes", "cloud/on-demand", "cloud/spot"
SIZE = 4
"""Accelerators of every node."""

TINY_LLM = {
    "decode_ms": [[1, 20], [8, 40]],
    "prefill_ms": [[64, 30], [1024, 200]],
    "weights": "20 GB",
    "kv_per_token": "100 kB",
}

durations = st.sampled_from(
    [
        "40 min",
        {"lognormal": {"median": "30 min", "p95": "6 h"}},
        {"uniform": {"low": "5 min", "high": "3 h"}},
        {"gamma": {"mean": "1 h", "cv": 2}},
        {
            "mixture": [
                {"weight": "80%", "of": "10 min"},
                {"weight": "20%", "of": {"exponential": {"mean": "5 h"}}},
            ]
        },
        {"quantiles": {"0%": "1 min", "50%": "20 min", "100%": "8 h"}},
        {"weibull": {"shape": 0.7, "scale": {"belief": {"uniform": {"low": "30 min", "high": "1 h"}}}}},
    ]
)
boots = st.sampled_from([None, "3 min", {"lognormal": {"median": "2 min", "p95": "9 min"}}])
growths = st.sampled_from(
    [None, "20%", "-10% per year", {"belief": {"triangular": {"low": "0%", "mode": "30%", "high": "90%"}}}]
)
profiles = st.sampled_from([None, "office-hours", {"hour_of_week": [1, 2] * 84}])


def present(**parts: Any) -> Tree:
    """The mapping without what is None."""
    return {key: value for key, value in parts.items() if value is not None}


@st.composite
def owned_pools(draw: st.DrawFn) -> Tree:
    """A pool of one to three nodes that can grow."""
    nodes = draw(st.integers(1, 3))
    return present(
        purchase="owned",
        accelerator="A100-80GB",
        node={"accelerators": SIZE, "price": "90k USD", "idle": "800 W", "busy": "2.6 kW"},
        nodes=nodes,
        max_nodes=draw(st.sampled_from([None, nodes, nodes + 2])),
        life="4 years",
        resale=draw(st.sampled_from([None, "25%"])),
        age=draw(st.sampled_from([None, "1 week", "30 months", "9 years"])),
        lead_time=draw(st.sampled_from(["6 h", {"lognormal": {"median": "1 day", "p95": "3 days"}}])),
        failures=draw(
            st.sampled_from(
                [None, {"per_node": "1 per 2 days", "repair": {"uniform": {"low": "1 h", "high": "9 h"}}}]
            )
        ),
    )


@st.composite
def spot_pools(draw: st.DrawFn, accelerator: str) -> Tree:
    """A spot pool, with or without a market, a limited lifetime, a price that moves."""
    regimes = {
        "open": {"spell": {"exponential": {"mean": "6 h"}}},
        "scarce": {"spell": "2 h", "largest_gang": 1, "next": {"open": "50%", "shut": "50%"}},
        "shut": {"spell": {"lognormal": {"mean": "1 h", "cv": 2}}, "largest_gang": 0},
    }
    trace = {"trace": [["3 h", None], ["20 min", 0], ["90 min", 2]], "random_start": draw(st.booleans())}
    path = {"mean": "1.5 USD/hour", "sd": "10%", "half_life": "1 day", "changes": "5 per day"}
    return present(
        purchase="spot",
        accelerator=accelerator,
        node={"accelerators": SIZE},
        price=draw(
            st.sampled_from(
                ["1.2 USD/hour", path, {"belief": {"uniform": {"low": "1 USD/hour", "high": "2 USD/hour"}}}]
            )
        ),
        market=draw(st.sampled_from([None, {"regimes": regimes}, trace])),
        lifetime=draw(st.sampled_from([None, {"exponential": {"mean": "5 h"}}])),
        notice=draw(st.sampled_from([None, "30 s", "2 min"])),
        boot=draw(boots),
        quota=draw(st.sampled_from([None, 2 * SIZE])),
    )


@st.composite
def arrivals(draw: st.DrawFn) -> Tree:
    """A few dozen jobs over the horizon."""
    rate = f"{draw(st.integers(1, 8))} per day"
    trace = [
        {
            "submit": f"{draw(st.integers(0, 80_000))} s",
            "duration": "50 min",
            "accelerators": draw(st.integers(1, SIZE)),
        }
        for _ in range(draw(st.integers(1, 5)))
    ]
    return draw(
        st.sampled_from(
            [
                {"poisson": {"rate": rate}},
                {"seasonal": present(rate=rate, profile=draw(profiles), monthly=[3, *[1] * 11])},
                {"bursty": present(rate=rate, burst_size=3, within="20 min", profile=draw(profiles))},
                {"trace": trace},
            ]
        )
    )


@st.composite
def trainings(draw: st.DrawFn, data: str | None) -> Tree:
    """A training workload."""
    comes = draw(arrivals())
    traced = "trace" in comes
    gangs = st.sampled_from([1, SIZE, {"choice": {"1": "60%", "2": "30%", str(SIZE): "10%"}}])
    return present(
        kind=draw(st.sampled_from(["training", "batch"])),
        data=data,
        arrivals=comes,
        accelerators=None if traced else draw(gangs),
        duration=None if traced else draw(durations),
        reference="A100-80GB",
        checkpoint=draw(
            st.sampled_from(
                [None, {"every": "20 min", "cost": "30 s", "restart": "2 min"}, {"every": "7 min"}]
            )
        ),
        deadline=draw(st.sampled_from(["8 h", "1 day"])),
        growth=None if traced else draw(growths),
    )


@st.composite
def services(draw: st.DrawFn, data: str | None) -> Tree:
    """A service of either kind, with a load that a few accelerators carry."""
    single = {
        "kind": "single",
        "time": {"lognormal": {"median": "80 ms", "p99": "200 ms"}},
        "reference": "A100-80GB",
        "replica": {"accelerators": draw(st.integers(1, 2)), "load": "1 min"},
    }
    llm = {
        "kind": "llm",
        "model": "tiny",
        "tokens": {"pairs": [[100, 20], [300, 60]]},
        "replica": {
            "accelerators": 2,
            "load": {"uniform": {"low": "1 min", "high": "4 min"}},
            "max_batch": 8,
        },
    }
    serving, limit = draw(
        st.sampled_from([(single, "latency"), (llm, "ttft"), (llm, "tpot"), (llm, "latency")])
    )
    return present(
        kind="inference",
        data=data,
        users=draw(st.sampled_from([{"town": "100%"}, {"town": "70%", "far": "30%"}])),
        demand=present(
            mean=f"{draw(st.integers(1, 12))} per second",
            profile=draw(profiles),
            bursts=draw(st.sampled_from([None, {"gamma": {"cv": 0.4, "lasts": "30 min"}}])),
            growth=draw(growths),
        ),
        service=serving,
        response=draw(st.sampled_from([None, "30 kB"])),
        slo={limit: "5 s", "share": "95%"},
    )


@st.composite
def places(draw: st.DrawFn, *, training: bool, lawful_rent: bool) -> list[Any]:
    """Pools in order of preference, at least one of which every gang fits into."""
    if not lawful_rent:
        return [ROOM]
    conditions = ["wait > 30 min", f"utilisation > 50% of {ROOM}", "wait > 5 min and utilisation > 20%"]
    conditions += ["slack < 4 h"] if training else []
    order = draw(st.permutations([ROOM, ON_DEMAND, SPOT]))[: draw(st.integers(1, 3))]
    if order == [SPOT]:
        order = [SPOT, ON_DEMAND]
    when = st.one_of(st.none(), st.sampled_from(conditions))
    return [pool if (test := draw(when)) is None else {"pool": pool, "when": test} for pool in order]


@st.composite
def scales(draw: st.DrawFn) -> Tree:
    """How a service scales: with up to all that there is."""
    steps = st.sampled_from([None, {"replicas": 1}, {"share": "50%", "per": "20 min"}])
    target = draw(
        st.sampled_from(
            [{"target_utilisation": "60%"}, {"target_queue": 40}, {"target_concurrency": 0.5}, {}]
        )
    )
    forecasts = [None] if "target_queue" in target else [
        None, {"ahead": "20 min", "season": "day"}, {"ahead": "1 h", "trend": "2 h", "season": "week"},
    ]  # fmt: skip
    schedules = [{"days": ["mon", "wed"], "hours": [7, 12], "at_least": 3}, {"hours": [20, 24], "exactly": 0}]
    return target | present(
        min=0,
        max=6,
        predict=draw(st.sampled_from(forecasts)),
        schedule=draw(st.sampled_from([None, schedules[:1], schedules])),
        stabilisation=draw(st.sampled_from([None, "0 s", "1 h"])),
        stabilisation_up=draw(st.sampled_from([None, None, "20 min"])),
        up=draw(steps),
        down=draw(steps),
        idle=draw(st.sampled_from([None, "30 min"])),
        warm=draw(st.sampled_from([None, 1, {"replicas": 2, "start": "20 s"}])),
    )


@st.composite
def plans(draw: st.DrawFn, workloads: Tree, bound: set[str], pool: Tree) -> Tree:
    """A strategy for these workloads, of which `bound` may only run in the room."""
    most = pool.get("max_nodes", pool["nodes"] + 2)
    place = {
        name: draw(places(training=workload["kind"] != "inference", lawful_rent=name not in bound))
        for name, workload in workloads.items()
    }
    inference = [name for name, workload in workloads.items() if workload["kind"] == "inference"]
    if draw(st.booleans()):
        place = {"all": [ROOM, ON_DEMAND]}
    orders = [
        {"at": "20 h", "nodes": 1},
        {"when": "utilisation > 30% over 1 day", "nodes": 2, "deliveries": 2},
        [{"at": "1 h", "nodes": 1}, {"when": f"utilisation > 60% over 2 days of {ROOM}", "nodes": 1}],
    ]
    rules = ("nearest", {"rule": "nearest", "up_to": "30%"}, "in-order", {"rule": "in-order", "standby": 1})
    routings = [dict.fromkeys(inference, rule) for rule in rules]
    return present(
        place=place,
        own=draw(st.sampled_from([None, {ROOM: {"nodes": 1}}, {ROOM: {"nodes": most}}])),
        order=draw(st.sampled_from([None, *({ROOM: order} for order in orders)])),
        scale={name: draw(scales()) for name in inference} or None,
        route=draw(st.sampled_from([None, *routings])) if inference else None,
    )


@st.composite
def scenario_trees(draw: st.DrawFn) -> Tree:
    """A small valid scenario as a tree: what a user could have written in YAML."""
    rented = draw(st.sampled_from(["A100-80GB", "H100-SXM"]))
    pool = draw(owned_pools())
    law = draw(st.booleans())
    data = st.sampled_from([None, "scans", "notes"])
    workloads = {f"train-{n}": draw(trainings(draw(data))) for n in range(draw(st.integers(0, 2)))}
    if draw(st.booleans()) or not workloads:
        workloads["serve"] = draw(services(draw(data)))
    bound = {name for name, workload in workloads.items() if law and workload.get("data") == "scans"}
    far = {"lognormal": {"median": "30 ms", "p99": "90 ms"}}
    return present(
        title="Generated",
        start=draw(st.sampled_from(["2026-01-05", "2028-02-27"])),
        horizon=f"{draw(st.integers(30, 90))} h",
        interval=draw(st.sampled_from([None, "10 min", "1 h"])),
        discount_rate="5% per year",
        locations=["town", "far"],
        network=[{"between": ["town", "far"], "rtt": far, "bandwidth": "1 Gbit/s", "price": "0.02 USD/GB"}],
        models={"tiny": {accelerator: {"2": TINY_LLM} for accelerator in ("A100-80GB", "H100-SXM")}},
        sites={
            "room": {
                "kind": draw(st.sampled_from(["on-prem", "edge"])),
                "location": "town",
                "zone": "home",
                "power": {"price": "0.1 USD/kWh", "pue": 1.4},
                "staff": {"people": 0.5, "salary": "90000 USD/year"},
                "storage": {"price": "0.05 USD/GB/month"},
                "access": {"town": "2 ms", "far": far},
                "pools": {"nodes": pool},
            },
            "cloud": {
                "kind": "cloud",
                "location": "far",
                "zone": "outside",
                "provider": "aws",
                "storage": {"price": "0.02 USD/GB/month"},
                "egress": draw(st.sampled_from(["0.09 USD/GB", {"catalogue": "gcp.us-east1"}])),
                "access": {"town": far, "far": "3 ms"},
                "pools": {
                    "on-demand": present(
                        purchase="on-demand",
                        accelerator=rented,
                        node={"accelerators": SIZE},
                        price=draw(st.sampled_from(["4 USD/hour", "catalogue"])),
                        boot=draw(boots),
                        quota=draw(st.sampled_from([None, SIZE, 5 * SIZE])),
                    ),
                    "spot": draw(spot_pools(rented)),
                },
            },
        },
        datasets={
            "scans": {"home": "room", "size": "200 GB", "growth": "30 GB/day", "tags": ["phi"]},
            "notes": {"home": draw(st.sampled_from(["room", "cloud"])), "size": "5 GB"},
        },
        rules=[{"tag": "phi", "stay_in": ["home"]}] if law else None,
        workloads=workloads,
        strategies={
            name: draw(plans(workloads, bound, pool))
            for name in ("first", "second")[: draw(st.integers(1, 2))]
        },
        expect=draw(
            st.sampled_from([None, [{"metric": "cost_usd", "strategy": "first", "mean_below": "2M USD"}]])
        ),
    )
