"""What is filled in: references to the catalogue, short forms, nodes, reference accelerators, traces."""

import copy
from pathlib import Path
from typing import Any

import pytest

from sim.errors import ScenarioError
from sim.loading import load_text, resolved, traces
from sim.loading.catalogue import catalogue
from sim.loading.yaml_tree import read_yaml_file, write_yaml
from sim.scenario.model import Scenario
from sim.scenario.serving import SingleServing
from sim.scenario.sites import OnDemandPool, OwnedPool, PricePath, SpotPool, TraceMarket
from sim.scenario.workloads import Inference, Trace, Training

BASE = read_yaml_file(Path(__file__).parent / "invalid" / "base.yaml").tree
LLM = {
    "kind": "llm",
    "model": "llama-2-70b",
    "tokens": {"catalogue": "azure-llm-2023.conversation"},
    "replica": {"accelerators": 8, "load": "6 min", "max_batch": 16},
}


def changed(*changes: tuple[str, Any], folder: Path = Path()) -> Scenario:
    """The small scenario with values set at paths whose steps are separated by spaces."""
    tree = copy.deepcopy(BASE)
    for path, value in changes:
        *above, last = path.split()
        here = tree
        for step in above:
            here = here.setdefault(step, {}) if isinstance(here, dict) else here[int(step)]
        here[last] = value
    return load_text(write_yaml(tree), folder=folder)


def problems(*changes: tuple[str, Any], folder: Path = Path()) -> list[str]:
    """What is wrong with the changed scenario."""
    with pytest.raises(ScenarioError) as caught:
        changed(*changes, folder=folder)
    return [problem.message for problem in caught.value.problems]


def test_keys_beside_a_reference_replace_figures_of_the_entry() -> None:
    """The repair is ours, the rate the catalogue's."""
    known = catalogue().entry("failures.gpu-node").value
    pool = changed(
        ("sites room pools nodes failures", {"catalogue": "failures.gpu-node", "repair": "2 h"})
    ).pools()["room/nodes"]
    assert isinstance(pool, OwnedPool)
    assert pool.failures is not None
    assert pool.failures.repair.distribution().mean() == 7200
    assert known["per_node"] == f"{pool.failures.per_node * 86_400_000:.2f} per 1000 days"


def test_an_owned_node_is_completed_and_a_rented_one_only_counted() -> None:
    """Of a partly given node the rest comes from the catalogue; who rents pays for no node."""
    usual = catalogue().entry("accelerator.A100-80GB").value["node"]
    pools = changed(("sites room pools nodes node", {"price": "1000 USD"})).pools()
    owned, rented = pools["room/nodes"].node, pools["cloud/rent"].node
    assert owned.price == 1000
    assert usual["idle"] == f"{owned.idle / 1000} kW"
    assert (rented.accelerators, rented.price, rented.busy) == (8, 0.0, 0.0)


def test_an_accelerator_of_ones_own_needs_no_catalogue() -> None:
    """It is described under `accelerators`, and may be used in any pool."""
    own = {"memory": "64 GB", "speed": 1.5, "node": {"accelerators": 4}}
    scenario = changed(
        ("accelerators", {"Own-1": own}),
        ("sites cloud pools rent accelerator", "Own-1"),
        ("workloads serve service reference", "Own-1"),
    )
    assert scenario.accelerators["Own-1"].speed == 1.5
    assert scenario.pools()["cloud/rent"].node.accelerators == 4


def test_a_known_accelerator_may_be_corrected() -> None:
    """What is not said of it stays the catalogue's."""
    scenario = changed(("accelerators", {"A100-80GB": {"speed": 0.9}}))
    assert scenario.accelerators["A100-80GB"].speed == 0.9
    assert scenario.accelerators["A100-80GB"].memory == 80e9


def test_prices_come_from_the_provider_of_the_site() -> None:
    """`price: catalogue` is the entry price.<provider>.<accelerator>.<purchase>."""
    pool = changed(("sites cloud pools rent price", "catalogue")).pools()["cloud/rent"]
    assert isinstance(pool, OnDemandPool)
    assert catalogue().entry("price.gcp.A100-80GB.on-demand").value["price"] == f"{pool.price} USD/hour"


def test_a_price_may_move_as_the_catalogue_says() -> None:
    """The mean is ours or the provider's, the path an entry's."""
    path = {"mean": "2 USD/hour", "catalogue": "spot-price.aws-v100"}
    pool = changed(("sites cloud pools spot price", path)).pools()["cloud/spot"]
    assert isinstance(pool, SpotPool)
    assert isinstance(pool.price, PricePath)
    assert pool.price.mean == 2.0
    assert pool.price.sd > 0


def test_short_forms_of_egress_and_orders() -> None:
    """One price is one tier; one order is a list of one; a pool alone is an option without a condition."""
    scenario = changed(("sites cloud egress", "0.09 USD/GB"))
    egress = scenario.sites["cloud"].egress
    assert egress is not None
    assert [(tier.up_to, tier.price) for tier in egress.tiers] == [(None, 0.09)]
    mixed = scenario.strategies["mixed"]
    assert [order.nodes for order in mixed.order["room/nodes"]] == [1]
    assert [(option.pool, option.when) for option in mixed.place["study"]] == [("room/nodes", None)]


def test_times_refer_to_the_accelerator_that_a_workload_may_run_on() -> None:
    """Two accelerators in the scenario, but only one where these two workloads are placed."""
    scenario = changed(
        ("sites cloud pools spot accelerator", "H100-SXM"), ("workloads train reference", "H100-SXM")
    )
    train, study, serve = (scenario.workloads[name] for name in ("train", "study", "serve"))
    assert isinstance(train, Training)
    assert isinstance(study, Training)
    assert isinstance(serve, Inference)
    assert isinstance(serve.service, SingleServing)
    assert (train.reference, study.reference) == ("H100-SXM", "A100-80GB")
    assert serve.service.reference == "A100-80GB"


def test_a_language_model_has_times_for_each_accelerator_it_may_run_on() -> None:
    """Served on A100s at home and on H100s in the cloud."""
    scenario = changed(
        ("workloads serve service", LLM),
        ("workloads serve slo", {"ttft": "2 s", "share": "95%"}),
        ("sites cloud pools rent accelerator", "H100-SXM"),
    )
    assert set(scenario.models["llama-2-70b"]) == {"A100-80GB", "H100-SXM"}
    assert set(scenario.models["llama-2-70b"]["H100-SXM"]) == {"8"}


def test_weights_must_fit_into_memory() -> None:
    """200 GB of weights and 2 x 80 GB of memory."""
    times = {"decode_ms": [[1, 20]], "prefill_ms": [[100, 9]], "weights": "200 GB", "kv_per_token": "1 kB"}
    found = problems(
        ("models", {"big": {"A100-80GB": {"2": times}}}),
        (
            "workloads serve service",
            {**LLM, "model": "big", "replica": {**LLM["replica"], "accelerators": 2}},
        ),
        ("workloads serve slo", {"ttft": "2 s", "share": "95%"}),
    )
    assert found == ["200 GB of weights do not fit into 90% of the memory of 2 x A100-80GB"]


def test_another_currency_has_its_own_prices() -> None:
    """In euros nothing is taken from the dollars of the catalogue, and all is written back in euros."""
    scenario = changed(
        ("currency", "EUR"),
        ("sites cloud pools rent price", "5 EUR/hour"),
        ("sites cloud pools spot price", "€2/hour"),
        ("sites room pools nodes node", {"price": "150k EUR"}),
        ("expect", []),
    )
    assert scenario.pools()["room/nodes"].node.price == 150_000
    assert "USD" not in resolved(scenario)
    assert load_text(resolved(scenario)) == scenario


def test_traces_are_read_from_csv_files_beside_the_scenario(tmp_path: Path) -> None:
    """Jobs with their sizes and durations; a market whose empty gang serves every gang."""
    (tmp_path / "jobs.csv").write_text("submit_s,accelerators,duration_s,user\n0,1,3600,a\n90.5,8,60,b\n")
    (tmp_path / "spot.csv").write_text("spell_s,largest_gang\n7200,\n600,0\n")
    tree = copy.deepcopy(BASE)
    study = tree["workloads"]["study"]
    study["arrivals"] = {"trace": "jobs.csv"}
    del study["accelerators"], study["duration"]
    tree["sites"]["cloud"]["pools"]["spot"]["market"] = {"trace": "spot.csv"}
    scenario = load_text(write_yaml(tree), folder=tmp_path)
    loaded, pool = scenario.workloads["study"], scenario.pools()["cloud/spot"]
    assert isinstance(loaded, Training)
    assert isinstance(loaded.arrivals, Trace)
    rows = [(job.submit, job.duration, job.accelerators) for job in loaded.arrivals.trace]
    assert rows == [(0.0, 3600.0, 1), (90.5, 60.0, 8)]
    assert isinstance(pool, SpotPool)
    assert isinstance(pool.market, TraceMarket)
    assert pool.market.trace == ((7200.0, None), (600.0, 0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x.csv has no column spell_s or largest_gang; spell_s, largest_gang are needed"),
        (b"spell_s,largest_gang\n", "x.csv has no rows"),
        (
            b"spell_s,largest_gang\n5,1,,\n7,\n-1,2\n",
            "line 4 of x.csv: spell_s is '-1', not a number of seconds",
        ),
        (b"spell_s,largest_gang\n5,\xff\n", "x.csv is not a CSV file in UTF-8"),
        (b'spell_s,largest_gang\n"5,1\n', "x.csv is not a CSV file in UTF-8: unexpected end of data"),
    ],
)
def test_trace_files_that_cannot_be_read(content: bytes, message: str, tmp_path: Path) -> None:
    """The message names the file, and the line where there is one."""
    (tmp_path / "x.csv").write_bytes(content)
    (found,) = problems(("sites cloud pools spot market", {"trace": "x.csv"}), folder=tmp_path)
    assert found.startswith(message)


def test_a_trace_has_a_greatest_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows where two are allowed."""
    monkeypatch.setattr(traces, "MAX_TRACE", 2)
    (tmp_path / "x.csv").write_text("spell_s,largest_gang\n1,1\n2,2\n3,3\n")
    found = problems(("sites cloud pools spot market", {"trace": "x.csv"}), folder=tmp_path)
    assert found == ["x.csv has more than 2 rows"]


ENTRIES = {
    "accelerator": "sites cloud pools rent accelerator",
    "boot": "sites cloud pools rent boot",
    "bursts": "workloads serve demand bursts",
    "egress": "sites cloud egress",
    "failures": "sites room pools nodes failures",
    "gaps": "workloads serve demand arrivals",
    "lead-time": "sites room pools nodes lead_time",
    "lifetime": "sites cloud pools spot lifetime",
    "market": "sites cloud pools spot market",
    "network": "network 0 rtt",
    "price": "sites cloud pools rent price",
    "profile": "workloads serve demand profile",
    "service": "workloads serve service time",
    "storage": "sites cloud storage",
    "arrivals.duration": "workloads study duration",
    "arrivals.gangs": "workloads train accelerators",
}
"""Where an entry of a kind can stand in the small scenario."""


USABLE = [name for name in catalogue().names() if not name.startswith("commitment.")]
"""Discounts for commitments are for the reader: the language has no commitments."""


@pytest.mark.parametrize("name", USABLE)
def test_every_entry_of_the_catalogue_can_be_used(name: str) -> None:
    """It loads in the place that its kind is for."""
    entry = catalogue().entry(name)
    kind = f"arrivals.{name.partition('.')[0]}" if entry.kind == "arrivals" else entry.kind
    reference: Any = {"catalogue": name}
    match kind:
        case "accelerator":
            changes = [
                (ENTRIES[kind], name.removeprefix("accelerator.")),
                ("workloads serve service reference", "A100-80GB"),
            ]
        case "arrivals.arrivals":
            changes = [("workloads train arrivals", {"bursty": {"rate": "2 per hour", **reference}})]
        case "failures" if isinstance(entry.value, str):
            changes = [(ENTRIES[kind], {"per_node": reference, "repair": "1 h"})]
        case "service":
            changes = [(ENTRIES[kind], reference), ("workloads serve slo latency", "10 min")]
        case "pue" | "salary" | "residual":
            changes = [
                ("sites room power", {"price": "0.1 USD/kWh", "pue": reference if kind == "pue" else 1}),
                (
                    "sites room staff",
                    {"people": 1, "salary": reference if kind == "salary" else "1 USD/year"},
                ),
                ("sites room pools nodes resale", reference if kind == "residual" else "0%"),
            ]
        case "spot-price":
            changes = [("sites cloud pools spot price", {"mean": "1 USD/hour", **reference})]
        case "tokens":
            changes = [
                ("workloads serve service", {**LLM, "tokens": reference}),
                ("workloads serve slo", {"ttft": "2 s", "share": "95%"}),
            ]
        case "llm":
            changes = [("models", {"other": {"A100-80GB": {"8": reference}}})]
        case "arrivals.gangs":
            room = ("strategies home own", {"room/nodes": {"nodes": 8}})
            changes = [(ENTRIES[kind], reference), ("sites room pools nodes max_nodes", 8), room]
        case _:
            changes = [(ENTRIES[kind], reference)]
    assert changed(*changes).title == "Small"
