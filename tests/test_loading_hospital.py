"""The scenario of the README, from file to facts: the file's own figures in canonical units."""

import datetime as dt
import time
from pathlib import Path

import pytest

from sim.loading import digest, load, load_text, load_with_source, resolved, sources
from sim.scenario.beliefs import find_beliefs, realise
from sim.scenario.law import allowed_sites, tags_of
from sim.scenario.model import Scenario
from sim.scenario.random_quantities import Belief
from sim.scenario.serving import LlmServing
from sim.scenario.sites import OnDemandPool, OwnedPool, RegimeMarket, SpotPool
from sim.scenario.workloads import Bursty, Inference, Training

SCENARIOS = Path(__file__).parent.parent / "scenarios"
HOSPITAL = SCENARIOS / "hospital.yaml"
DAY_S = 86_400


@pytest.fixture(scope="module")
def hospital() -> Scenario:
    """The hospital."""
    return load(HOSPITAL)


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_loads_and_says_what_it_asks(path: Path) -> None:
    """Each scenario that comes with the program is valid, and has a description and a question."""
    scenario = load(path)
    assert scenario.description
    assert scenario.question.endswith("?")


def test_loading_is_quick() -> None:
    """Half a second would be felt by who types `simulate check`; it takes about a tenth of that."""
    load(HOSPITAL)
    begin = time.perf_counter()
    load(HOSPITAL)
    assert time.perf_counter() - begin < 1.0


def test_time_and_money_are_in_canonical_units(hospital: Scenario) -> None:
    """Two years are 730 days; 8 % a year is 0.08; the demand grid is 5 minutes unless it is said."""
    assert hospital.start == dt.date(2026, 1, 5)
    assert hospital.horizon_s == 730 * DAY_S
    assert hospital.discount_rate == 0.08
    assert hospital.interval == 300.0


def test_an_owned_pool_keeps_what_the_file_says_of_its_node(hospital: Scenario) -> None:
    """The file's price goes before the catalogue's; 14 weeks is the median of the lead time."""
    room = hospital.pools()["campus/room"]
    assert isinstance(room, OwnedPool)
    assert (room.node.accelerators, room.node.price, room.node.idle, room.node.busy) == (
        8,
        165_000,
        1600,
        5200,
    )
    assert (room.nodes, room.max_nodes, room.life, room.resale) == (2, 8, 5 * 365 * DAY_S, 0.2)
    assert room.lead_time is not None
    assert room.lead_time.distribution().quantile_at(0.5) == pytest.approx(14 * 7 * DAY_S)
    assert room.failures is not None
    assert room.failures.per_node == pytest.approx(2.4 / (1000 * DAY_S))


def test_rented_pools_take_the_usual_node_and_a_market_of_the_catalogue(hospital: Scenario) -> None:
    """A rented node has no price of its own; the market closes to every gang in its regime `shut`."""
    pools = hospital.pools()
    on_demand, spot = pools["gcp-iowa/on-demand"], pools["gcp-iowa/spot"]
    assert isinstance(on_demand, OnDemandPool)
    assert (on_demand.node.accelerators, on_demand.node.price, on_demand.quota) == (8, 0.0, 128)
    assert isinstance(spot, SpotPool)
    assert spot.price == 1.57
    assert isinstance(spot.market, RegimeMarket)
    assert spot.market.regimes["shut"].largest_gang == 0
    assert spot.market.regimes["open"].largest_gang is None


def test_workloads_refer_to_the_only_accelerator(hospital: Scenario) -> None:
    """All pools have A100s, so the times of all workloads are meant on them."""
    imaging = hospital.workloads["imaging-training"]
    assert isinstance(imaging, Training)
    assert imaging.reference == "A100-80GB"
    assert isinstance(imaging.arrivals, Bursty)
    assert imaging.arrivals.bursty.rate == pytest.approx(9 / DAY_S)
    assert imaging.arrivals.bursty.profile is not None
    assert len(imaging.arrivals.bursty.profile.hour_of_week) == 168


def test_the_language_model_gets_its_measured_times(hospital: Scenario) -> None:
    """llama-2-70b was measured on 8 A100s, which is what its replica has."""
    assistant = hospital.workloads["notes-assistant"]
    assert isinstance(assistant, Inference)
    assert isinstance(assistant.service, LlmServing)
    assert len(assistant.service.tokens.pairs) == 256
    times = hospital.models["llama-2-70b"]["A100-80GB"]["8"]
    assert times.weights == 138e9
    assert [batch for batch, _ in times.decode_ms] == [1, 2, 4, 8, 16, 32, 64]


def test_egress_has_the_tiers_of_the_catalogue(hospital: Scenario) -> None:
    """The last tier has no end; the ones before it end at growing volumes."""
    egress = hospital.sites["gcp-iowa"].egress
    assert egress is not None
    assert [tier.up_to for tier in egress.tiers] == [1e12, 10e12, None]


def test_the_law_keeps_patient_scans_in_the_hospital(hospital: Scenario) -> None:
    """Scans carry `phi`, so what works on them stays on campus; notes may go anywhere."""
    triage, notes = hospital.workloads["triage"], hospital.workloads["notes-finetune"]
    assert tags_of(hospital, triage) == {"phi"}
    assert allowed_sites(hospital, triage) == {"campus"}
    assert allowed_sites(hospital, notes) == {"campus", "gcp-iowa"}


def test_beliefs_are_found_and_realised(hospital: Scenario) -> None:
    """The two uncertain growths are found where they stand; numbers take their places, all else is shared."""
    found = dict(find_beliefs(hospital))
    imaging, triage = ("workloads", "imaging-training", "growth"), ("workloads", "triage", "demand", "growth")
    assert set(found) == {imaging, triage}
    real = realise(hospital, {imaging: 0.3, triage: 0.1})
    assert not list(find_beliefs(real))
    training, service = real.workloads["imaging-training"], real.workloads["triage"]
    assert isinstance(training, Training)
    assert isinstance(service, Inference)
    assert (training.growth, service.demand.growth) == (0.3, 0.1)
    assert real.sites is hospital.sites
    before = hospital.workloads["imaging-training"]
    assert isinstance(before.growth if isinstance(before, Training) else None, Belief)


def test_the_resolved_form_is_the_same_scenario(hospital: Scenario) -> None:
    """Its text loads as an equal scenario with the same digest, beliefs included."""
    again = load_text(resolved(hospital))
    assert again == hospital
    assert digest(again) == digest(hospital)
    assert list(find_beliefs(again)) == list(find_beliefs(hospital))


def test_the_digest_follows_what_is_meant_and_not_how_it_is_written(
    hospital: Scenario, tmp_path: Path
) -> None:
    """A comment and another unit change nothing; another number changes it."""
    text = HOSPITAL.read_text(encoding="utf-8")
    same = load_text("# a comment\n" + text.replace("horizon: 2 years", "horizon: 730 days"))
    other = load_text(text.replace("horizon: 2 years", "horizon: 731 days"))
    assert digest(same) == digest(hospital)
    assert digest(other) != digest(hospital)


def test_the_entries_that_were_used_are_told_with_their_sources() -> None:
    """Whoever reads a result can see which figures are measured and which are assumed."""
    told = {source.path: source for source in sources(load_with_source(HOSPITAL))}
    assert told["sites.gcp-iowa.pools.spot.market"].entry == "spot.us-west-2a.v100-8"
    assert told["sites.gcp-iowa.pools.spot.market"].grade == "measured"
    assert told["workloads.notes-assistant.service.tokens"].entry == "azure-llm-2023.conversation"
    assert all(source.source and source.date and len(source.digest) == 64 for source in told.values())
