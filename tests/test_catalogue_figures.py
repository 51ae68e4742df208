"""The catalogue as it is committed: complete, in the language, and with the figures that were published or
measured.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import TypeAdapter

from sim.calibrate.build import SUBJECTS, build_catalogue
from sim.calibrate.llm import speed_ratio
from sim.distributions import Distribution
from sim.loading.catalogue import read_catalogue
from sim.scenario.quantities import (
    Duration,
    Factor,
    Fraction,
    HourlyPrice,
    RandomCount,
    RandomDuration,
    Rate,
    Ratio,
    Salary,
)
from sim.scenario.requests import Spread
from sim.scenario.serving import LlmPerformance, Tokens
from sim.scenario.sites import Accelerator, Egress, Failures, Node, RegimeMarket, Storage
from sim.scenario.workloads import Bursts, Profile

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
FILES = sorted((ROOT / "calibration").glob("*.yaml"))
CATALOGUE: dict[str, dict[str, Any]] = {
    name: entry for file in FILES for name, entry in yaml.safe_load(file.read_text(encoding="utf-8")).items()
}
HOUR_S = 3600.0

with_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the data sets are not in {DATA}")

LANGUAGE: dict[str, Any] = {
    "accelerator": Accelerator,
    "egress": Egress,
    "storage": Storage,
    "market": RegimeMarket,
    "profile": Profile,
    "bursts": Bursts,
    "tokens": Tokens,
    "gaps": Spread,
    "llm": LlmPerformance,
    "boot": RandomDuration,
    "lifetime": RandomDuration,
    "service": RandomDuration,
    "network": RandomDuration,
    "lead-time": RandomDuration,
    "pue": Factor,
    "salary": Salary,
    "residual": Fraction,
}


def value_of(name: str) -> Any:
    """The value of an entry as YAML gives it."""
    return CATALOGUE[name]["value"]


def spell_of(name: str, regime: str) -> Distribution:
    """The law of the spells of a market's regime [s]."""
    return (
        TypeAdapter(RandomDuration).validate_python(value_of(name)["regimes"][regime]["spell"]).distribution()
    )


def parts(name: str, entry: dict[str, Any]) -> list[tuple[Any, Any]]:
    """What an entry's value consists of, each with the type of the language that must read it."""
    value = entry["value"]
    match entry["kind"]:
        case "price" if "discount" in value:
            return [(Fraction, value["discount"])]
        case "price":
            return [(HourlyPrice, value["price"])]
        case "spot-price":
            path = value["mean_reverting"]
            return [(Ratio, path["sd"]), (Duration, path["half_life"]), (Rate, path["changes"])]
        case "arrivals" if "burst_size" in value:
            return [(Factor, value["burst_size"]), (Duration, value["within"])]
        case "arrivals":
            return [(RandomCount if "choice" in value else RandomDuration, value)]
        case "failures":
            return [(Failures if isinstance(value, dict) else Rate, value)]
        case kind:
            return [(LANGUAGE[kind], value)]


def test_names_are_unique_over_all_files() -> None:
    """As many names as keys at the left margin, and no file repeats one."""
    lines = [line for file in FILES for line in file.read_text(encoding="utf-8").splitlines()]
    assert sum(line[:1].isalnum() for line in lines) == len(CATALOGUE)


def test_the_catalogue_is_small_and_plain() -> None:
    """Under 150 kB, and no anchors, aliases or tags: every loader reads it the same way."""
    assert sum(file.stat().st_size for file in FILES) < 150_000
    for file in FILES:
        for event in yaml.parse(file.read_text(encoding="utf-8")):
            assert not isinstance(event, yaml.AliasEvent)
            assert getattr(event, "anchor", None) is None
            assert getattr(event, "tag", None) is None


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_entry_has_its_source_date_and_grade(name: str) -> None:
    """All fields are there and no other; what is assumed says why."""
    entry = CATALOGUE[name]
    needed = {"kind", "value", "range", "source", "date", "grade"}
    assert needed <= set(entry) <= needed | {"note"}
    assert entry["grade"] in {"measured", "published", "assumed"}
    assert entry["grade"] != "assumed" or entry["note"]
    assert len(entry["source"]) > 10
    assert 2010 <= int(str(entry["date"])[:4]) <= 2026


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_value_is_read_by_the_scenario_language(name: str) -> None:
    """The value validates as what a scenario would write in its place."""
    for kind, value in parts(name, CATALOGUE[name]):
        TypeAdapter(kind).validate_python(value)


def test_the_projects_own_reader_reads_the_same_values() -> None:
    """Every entry, read by the program, is what PyYAML reads (the program's keys are all texts)."""
    read = read_catalogue(ROOT / "calibration")
    assert read.names() == sorted(CATALOGUE)
    for name, entry in CATALOGUE.items():
        assert read.entry(name).value == json.loads(json.dumps(entry["value"])), name


V3 = [
    ("spot.us-east-1a.v100-1", 0.167, 0.72, 1.49, 3.58),
    ("spot.us-east-1c.v100-1", 0.467, 1.48, 2.12, 1.69),
    ("spot.us-east-2a.v100-1", 0.759, 5.68, 2.41, 1.80),
    ("spot.us-west-2a.v100-1.2023-02", 0.883, 6.06, 2.56, 0.81),
    ("spot.us-west-2b.v100-1.2023-02", 0.905, 10.4, None, 1.10),
]


@pytest.mark.parametrize(("name", "available", "up_h", "cv", "down_h"), V3)
def test_markets_have_the_spells_that_were_recorded(
    name: str, available: float, up_h: float, cv: float | None, down_h: float
) -> None:
    """Availability within 0.002, mean spells within 2 % (the recorded ones count cut spells as whole), cv
    within 25 %.
    """
    up, down = spell_of(name, "open"), spell_of(name, "shut")
    assert up.mean() / (up.mean() + down.mean()) == pytest.approx(available, abs=0.002)
    assert up.mean() / HOUR_S == pytest.approx(up_h, rel=0.02)
    assert down.mean() / HOUR_S == pytest.approx(down_h, rel=0.02)
    if cv is not None:
        assert math.sqrt(up.variance()) / up.mean() == pytest.approx(cv, rel=0.25)


@pytest.mark.parametrize(
    ("name", "available"),
    [
        ("spot.us-west-2a.v100-1", 0.793),
        ("spot.us-west-2a.v100-8", 0.480),
        ("spot.us-west-2b.v100-1", 0.716),
        ("spot.us-west-2b.v100-8", 0.466),
    ],
)
def test_markets_of_the_first_campaign_have_the_recorded_availability(name: str, available: float) -> None:
    """The share of the open regime, from the mean spells, within 0.002."""
    up, down = spell_of(name, "open").mean(), spell_of(name, "shut").mean()
    assert up / (up + down) == pytest.approx(available, abs=0.002)


@pytest.mark.parametrize(
    ("zone", "whole", "single"), [("us-west-2a", 0.480, 0.793), ("us-west-2b", 0.466, 0.716)]
)
def test_joint_markets_keep_the_shares_of_their_regimes(zone: str, whole: float, single: float) -> None:
    """Stationary shares of the chain: whole nodes as recorded; singles more by the time when only nodes
    started.
    """
    regimes = value_of(f"spot.{zone}.v100")["regimes"]
    names = list(regimes)
    assert names == ["open", "scarce", "shut"]
    moves = np.array([
        [float(regimes[a]["next"].get(b, "0%").rstrip("%")) / 100 for b in names] for a in names
    ])  # fmt: skip
    visits = np.linalg.matrix_power((moves + np.eye(3)) / 2, 200)[0]
    times = visits * [spell_of(f"spot.{zone}.v100", name).mean() for name in names]
    shares = times / times.sum()
    assert shares[0] == pytest.approx(whole, abs=0.01)
    assert single < shares[0] + shares[1] < single + 0.075
    assert regimes["scarce"]["largest_gang"] == 1
    assert regimes["shut"]["largest_gang"] == 0


V4 = [
    ("A100-80GB", {512: 93.0, 2048: 274.2, 8192: 1549.8}, {1: 45.0, 8: 46.5, 32: 53.0, 64: 71.6}),
    ("H100-SXM", {512: 53.9, 2048: 136.8, 8192: 844.9}, {1: 30.6, 8: 32.5, 32: 38.6, 64: 50.2}),
]


@pytest.mark.parametrize(("accelerator", "prefill", "decode"), V4)
def test_iteration_times_are_the_measured_ones(
    accelerator: str, prefill: dict[int, float], decode: dict[int, float]
) -> None:
    """Medians of Llama-2-70B on 8 accelerators within 0.5 % (where neighbours were out of order they were
    averaged).
    """
    value = value_of(f"llm.llama-2-70b.{accelerator}.tp8")
    for table, expected in ((dict(value["prefill_ms"]), prefill), (dict(value["decode_ms"]), decode)):
        assert {at: table[at] for at in expected} == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name.startswith("llm.")])
def test_iteration_times_do_not_fall_with_size(name: str) -> None:
    """Batches and prompts rise strictly, times do not fall."""
    for table in (value_of(name)["decode_ms"], value_of(name)["prefill_ms"]):
        sizes, times = zip(*table, strict=True)
        assert list(sizes) == sorted(set(sizes))
        assert list(times) == sorted(times)


def test_key_value_caches_follow_from_the_architecture() -> None:
    """Llama-2-70B: 80 layers, 8 KV heads of 128; BLOOM: 70 layers of 14,336; each twice 2 bytes."""
    read = TypeAdapter(LlmPerformance).validate_python
    assert read(value_of("llm.llama-2-70b.H100-SXM.tp8")).kv_per_token == 80 * 8 * 128 * 2 * 2
    assert read(value_of("llm.bloom-176b.H100-SXM.tp8")).kv_per_token == pytest.approx(
        70 * 14336 * 2 * 2, rel=1e-4
    )


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name.startswith("profile.")])
def test_profiles_are_weeks_with_mean_one(name: str) -> None:
    """168 hours, none negative, whose mean as written is 1 within 1e-9."""
    hours = value_of(name)["hour_of_week"]
    assert len(hours) == 168
    assert min(hours) > 0
    assert math.fsum(hours) / 168 == pytest.approx(1, abs=1e-9)


def test_profiles_have_the_shape_that_their_names_promise() -> None:
    """Submissions: 0.19 at 6:00 and 1.7 at 16:00 over all days as recorded; the hospital is quietest around
    4:00.
    """
    submissions = np.array(value_of("profile.helios-submissions")["hour_of_week"]).reshape(7, 24).mean(axis=0)
    assert submissions[6] == pytest.approx(0.19, abs=0.02)
    assert submissions[16] == pytest.approx(1.73, abs=0.07)
    hospital = np.array(value_of("profile.hospital-day")["hour_of_week"]).reshape(7, 24)
    night = hospital.mean(axis=0)
    assert night[3:6].mean() == min((night[h - 1] + night[h] + night[(h + 1) % 24]) / 3 for h in range(24))
    assert hospital[5:].mean() < 1 < hospital[:5].mean()
    assert set(value_of("profile.flat")["hour_of_week"]) == {1}


def test_token_pairs_have_the_recorded_quantiles_and_correlation() -> None:
    """Published quantiles of the conversation trace within 3 %, its correlation of -0.11 within 0.03."""
    pairs = np.array(value_of("azure-llm-2023.conversation")["pairs"])
    assert pairs.shape == (256, 2)
    assert np.percentile(pairs[:, 0], [50, 90, 99]) == pytest.approx([1020, 2735, 4142], rel=0.03)
    assert np.percentile(pairs[:, 1], [50, 90, 99]) == pytest.approx([129, 424, 601], rel=0.03)
    assert np.corrcoef(*pairs.T)[0, 1] == pytest.approx(-0.112, abs=0.03)


def egress_usd(name: str, terabytes: float) -> float:
    """What a volume in one month costs by the tiers, worked out tier by tier."""
    cost, below = 0.0, 0.0
    for tier in TypeAdapter(Egress).validate_python(value_of(name)).tiers:
        upto = min(tier.up_to or math.inf, terabytes * 1e12)
        cost += max(upto - below, 0.0) / 1e9 * tier.price
        below = upto
    return cost


def test_egress_bills_follow_the_published_tiers() -> None:
    """12 TB from Google: 1 at 0.12, 9 at 0.11, 2 at 0.08; from Amazon 100 GB free, 9.9 at 0.09, 2 at 0.085;
    Oracle 2 at 0.0085.
    """
    assert egress_usd("gcp.us-east1", 12) == pytest.approx(120 + 990 + 160)
    assert egress_usd("aws.us-east-1", 12) == pytest.approx(9900 * 0.09 + 2000 * 0.085)
    assert egress_usd("oci.us-ashburn-1", 12) == pytest.approx(2000 * 0.0085)
    assert egress_usd("aws.us-east-1", 0.05) == 0


def test_the_h100_is_as_fast_as_its_measured_prefill() -> None:
    """Median ratio of the catalogue's own prefill times of 2,048 tokens and more, within 0.05 of the speed
    stated.
    """
    ratios = []
    for gang in ("llama-2-70b.{}.tp2", "llama-2-70b.{}.tp4", "llama-2-70b.{}.tp8", "bloom-176b.{}.tp8"):
        a100, h100 = (
            dict(value_of(f"llm.{gang.format(a)}")["prefill_ms"]) for a in ("A100-80GB", "H100-SXM")
        )
        ratios += [a100[tokens] / h100[tokens] for tokens in (2048, 4096, 8192)]
    assert value_of("accelerator.H100-SXM")["speed"] == pytest.approx(float(np.median(ratios)), abs=0.05)


def test_the_failure_rate_is_that_of_the_published_count() -> None:
    """419 interruptions in 54 days on 16,384 accelerators, by node of 8 and per 1000 days."""
    rate = TypeAdapter(Rate).validate_python(value_of("failure-rate.gpu-node"))
    assert rate * 86400 * 1000 == pytest.approx(419 / (16384 / 8 * 54) * 1000, rel=0.001)
    failures = TypeAdapter(Failures).validate_python(value_of("failures.gpu-node"))
    assert failures.per_node == rate


@with_data
def test_making_the_catalogue_again_gives_the_committed_bytes(tmp_path: Path) -> None:
    """Every made file, byte for byte."""
    build_catalogue(DATA, tmp_path)
    assert sorted(file.stem for file in tmp_path.iterdir()) == sorted(SUBJECTS)
    for file in tmp_path.iterdir():
        assert (ROOT / "calibration" / file.name).read_bytes() == file.read_bytes(), file.name


@with_data
def test_every_market_has_the_recorded_availability_and_mean_spells() -> None:
    """All 17 records: availability within 0.005, mean spells within 5 % of those of the spells seen as whole.

    A record with few spells and a long cut one (k80-1 in us-west-2b) moves by half a spell in 47.
    """
    runs = pd.read_csv(DATA / "spot_traces_aws_gcp" / "availability_runs.csv.gz")
    runs["length_s"] = runs["t_end_s"] - runs["t_start_s"]
    for key, rows in runs.groupby(["campaign", "zone", "resource"]):
        campaign, zone, resource = map(str, key)
        again = zone in {"us-west-2a", "us-west-2b"} and campaign == "aws-02-15-2023"
        name = f"spot.{zone}.{resource.replace('_', '-')}{'.2023-02' if again else ''}"
        seen = {
            state: rows.loc[rows["n_available"] == n, "length_s"] for n, state in ((1, "open"), (0, "shut"))
        }
        means = {state: spell_of(name, state).mean() for state in seen}
        total = sum(lengths.sum() for lengths in seen.values())
        assert means["open"] / sum(means.values()) == pytest.approx(seen["open"].sum() / total, abs=0.005)
        for state, lengths in seen.items():
            assert means[state] == pytest.approx(lengths.mean(), rel=0.05), (name, state)


def node_of(name: str) -> Node:
    """The usual node of an accelerator."""
    return TypeAdapter(Accelerator).validate_python(value_of(f"accelerator.{name}")).node


def purchases() -> pd.DataFrame:
    """Dated purchase prices, with `node_usd` for eight; `machine` says whether a whole machine was sold."""
    prices = pd.read_csv(DATA / "prices_epoch_hardware" / "prices.csv.gz")
    bought = prices[prices["usd_purchase"].notna()].copy()
    bought["node_usd"] = 8 * bought["usd_purchase"]
    told = bought["source"].fillna("") + bought["notes"].fillna("")
    bought["machine"] = (bought["n_gpus"] == 8) & told.str.contains("dgx|server", case=False)
    return bought


@with_data
@pytest.mark.parametrize(
    ("name", "hardware", "machines"),
    [
        ("A100-80GB", "NVIDIA A100 SXM4 80 GB", 3),
        ("A100-40GB", "NVIDIA A100 SXM4 40 GB", 1),
        ("H100-SXM", "NVIDIA H100 SXM5 80GB", 6),
        ("B200-SXM", "NVIDIA B200", 1),
        ("V100-16GB", "NVIDIA V100", 1),
    ],
)
def test_prices_of_nodes_are_those_of_whole_machines(name: str, hardware: str, machines: int) -> None:
    """The median of the dated prices of machines with eight, to the dollar; all prices lie in the range."""
    found = purchases()
    sold = found[(found["hardware"] == hardware) & found["machine"]]
    assert len(sold) == machines
    assert node_of(name).price == pytest.approx(float(sold["node_usd"].median()), abs=1)
    low, high = (float(end.split()[0]) for end in CATALOGUE[f"accelerator.{name}"]["range"].split(" .. "))
    assert low <= sold["node_usd"].min()
    assert sold["node_usd"].max() <= high + 1


@with_data
def test_the_price_of_an_h200_node_follows_from_boards_of_one_day() -> None:
    """H100 machines x the mean of two ratios of HGX prices: 270,565 / 270,555 and 312,667 / 255,237."""
    found = purchases()
    of = {
        name: found[(found["hardware"] == hardware) & found["notes"].str.contains("GPU", na=False)]
        for name, hardware in (("H100", "NVIDIA H100 SXM5 80GB"), ("H200", "NVIDIA H200 SXM"))
    }
    both = pd.merge(of["H200"], of["H100"], on="date", suffixes=("_h200", "_h100"))
    assert list(both["date"]) == ["2025-01-31", "2024-03-27"]
    ratio = float((both["usd_purchase_h200"] / both["usd_purchase_h100"]).mean())
    assert node_of("H200-SXM").price == pytest.approx(node_of("H100-SXM").price * ratio, rel=0.001)


@pytest.mark.parametrize(
    ("name", "most_kw"),
    [
        ("A100-80GB", 6.5), ("A100-40GB", 6.5), ("H100-SXM", 10.2), ("H200-SXM", 10.2), ("B200-SXM", 14.3),
        ("V100-16GB", 3.5),
    ],
)  # fmt: skip
def test_busy_draws_are_the_measured_share_of_the_most_that_the_maker_states(
    name: str, most_kw: float
) -> None:
    """0.76 of it, rounded to 100 W; idle nodes draw less."""
    node = node_of(name)
    assert node.busy == pytest.approx(760 * most_kw, abs=60)
    assert node.idle < node.busy


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("L40S", 362 / 312), ("L4", 121 / 312), ("T4", 65 / 312), ("V100-16GB", 125 / 312),
        ("B200-SXM", 2.1 * 2250 / 989), ("H200-SXM", 2.1), ("A100-40GB", 1.0),
    ],
)  # fmt: skip
def test_speeds_that_nobody_measured_are_published_ratios(name: str, ratio: float) -> None:
    """Of dense half-precision peaks, to two digits."""
    assert value_of(f"accelerator.{name}")["speed"] == pytest.approx(ratio, rel=0.02)


@with_data
def test_the_speed_of_the_h100_agrees_with_the_data() -> None:
    """The median ratio of measured prompt times within 0.05, and its ends."""
    points = pd.read_csv(DATA / "llm_perf_splitwise_2024" / "perf_model.csv.gz")
    points = points[points["hardware"].isin(["a100-80gb", "h100-80gb"])]
    median, least, greatest = speed_ratio(points, "h100-80gb", "a100-80gb")
    assert value_of("accelerator.H100-SXM")["speed"] == pytest.approx(median, abs=0.05)
    assert (least, greatest) == pytest.approx((1.69, 2.39), abs=0.01)


def fact(item: str) -> float:
    """A published fact by the beginning of its name."""
    facts = pd.read_csv(DATA / "reference_facts" / "facts.csv.gz")
    (value,) = facts.loc[facts["item"].str.startswith(item), "value"]
    return float(value)


@with_data
def test_figures_quoted_from_public_pages_are_what_they_say() -> None:
    """PUE, wages x 2,080 hours, residual value, failures and power, each against its fact."""
    assert value_of("pue.industry") == fact("PUE industry average 2023")
    assert value_of("pue.new-facility") == fact("PUE new large facility")
    wages = fact("IT professional hourly wage low"), fact("IT professional hourly wage high")
    salary = TypeAdapter(Salary).validate_python(value_of("salary.data-centre-engineer"))
    assert salary == pytest.approx(2080 * sum(wages) / 2, rel=0.001)
    shares = fact("residual value after 36 months low"), fact("residual value after 36 months high")
    resale = TypeAdapter(Fraction).validate_python(value_of("residual.gpu-server.3-years"))
    assert resale == pytest.approx(sum(shares) / 2)
    rate = TypeAdapter(Rate).validate_python(value_of("failure-rate.gpu-node"))
    assert rate * 86400 * 1000 == pytest.approx(fact("llama3_405b rate per 1000"), abs=0.01)
    assert node_of("H100-SXM").busy < 1000 * fact("DGX H100/H200 max system input")
    seren_w = fact("A100 8-GPU server power p50")
    assert node_of("A100-80GB").idle < seren_w < node_of("A100-80GB").busy


@with_data
def test_lead_times_lie_about_the_published_ones() -> None:
    """In the calm the middle of 8 to 12 weeks; else, of those published, 8 are quick, 20 slow, 39 rare."""
    week_s = 7 * 86400.0
    low, high = fact("Dell H100 servers Apr 2024 low"), fact("Dell H100 servers Apr 2024 high")
    read = TypeAdapter(RandomDuration).validate_python
    calm = read(value_of("lead-time.gpu-server.calm")).distribution()
    assert calm.quantile_at(0.5) / week_s == pytest.approx((low + high) / 2)
    tight = read(value_of("lead-time.gpu-server")).distribution()
    assert tight.quantile_at(0.05) / week_s < low < tight.quantile_at(0.5) / week_s < fact("HPE GPU servers")
    assert (
        tight.quantile_at(0.9) / week_s
        < fact("Dell H100 servers end 2023")
        < tight.quantile_at(0.99) / week_s
    )
    space = read(value_of("lead-time.colocation")).distribution()
    ends = fact("colocation deployment low"), fact("colocation deployment high")
    assert [end / week_s for end in space.support()] == pytest.approx(ends)


def test_assumed_figures_follow_from_what_they_name() -> None:
    """A spot price is 31 % of on-demand, between the shares of others; 138 GB at 0.5 GB/s are 4.6 minutes."""

    def usd(name: str) -> float:
        return TypeAdapter(HourlyPrice).validate_python(value_of(name)["price"])

    price = usd("price.gcp.A100-80GB.on-demand")
    assert usd("price.gcp.A100-80GB.spot") == pytest.approx(0.31 * price, abs=0.005)
    low, high = (
        float(end.split()[0]) for end in CATALOGUE["price.gcp.A100-80GB.spot"]["range"].split(" .. ")
    )
    aws = usd("price.aws.A100-80GB.spot") / usd("price.aws.A100-80GB.on-demand")
    azure = usd("price.azure.A100-80GB.spot") / usd("price.azure.A100-80GB.on-demand")
    assert (low, high) == pytest.approx((0.18 * price, aws * price), abs=0.01)
    assert low / price == pytest.approx(azure, abs=0.01)
    weights = TypeAdapter(LlmPerformance).validate_python(value_of("llm.llama-2-70b.A100-80GB.tp8")).weights
    load = TypeAdapter(RandomDuration).validate_python(value_of("load.llm-70b")).distribution()
    assert weights / 0.5e9 < load.quantile_at(0.5) < 2 * weights / 0.5e9
