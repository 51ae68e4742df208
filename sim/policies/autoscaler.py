"""From what a scenario says of a service's scaling to its rule in intervals and whole numbers."""

from sim.policies.scaling import MICRO, WEEK_H, Reaction, ScaleRule
from sim.scenario.model import Scenario
from sim.scenario.scaling import DAYS, SEASONS_S, Scale, Step
from sim.scenario.workloads import Inference

UNBOUNDED = 1 << 40
LONGEST_WAIT_S = 86_400.0
"""Nobody waits longer in the backlog that a rule looks at."""


def scale_rule(scenario: Scenario, workload: Inference, scale: Scale, capacity_rps: float) -> ScaleRule:
    """The rule of a service whose replica sustains `capacity_rps`."""
    step_s = int(scenario.interval)
    most = UNBOUNDED if scale.max is None else scale.max
    calm = int(scale.stabilisation) // step_s
    ahead, season, trend = _forecast(scale, step_s)
    return ScaleRule(
        scale.target_utilisation or 0.0, scale.min, most, calm,
        Reaction(
            _micro(scale.target_concurrency), _micro(scale.target_queue), calm,
            int(scale.stabilisation_up) // step_s, *_step(scale.up, step_s), *_step(scale.down, step_s),
        ),
        _bounds(scale, most, scenario.start.weekday()), ahead, season, trend,
        0 if scale.idle is None else max(int(scale.idle), 1),
        0 if scale.warm is None else scale.warm.replicas,
        0 if scale.warm is None else int(scale.warm.start),
        _together(workload) / capacity_rps if capacity_rps > 0.0 else 0.0,
        _patience_ms(workload, capacity_rps),
    )  # fmt: skip


def _micro(requests: float | None) -> int:
    return 0 if requests is None else max(round(requests * MICRO), 1)


def _step(step: Step | None, step_s: int) -> tuple[int, int, int]:
    """Replicas, share [ppm], and in how many intervals; a part of one counts as one."""
    if step is None:
        return 0, 0, 0
    return step.replicas or 0, round((step.share or 0.0) * MICRO), max(-(-int(step.per) // step_s), 1)


def _forecast(scale: Scale, step_s: int) -> tuple[int, int, int]:
    """Ahead, season and trend in intervals; what lies ahead a season before is over by now."""
    told = scale.predict
    if told is None:
        return 0, 0, 0
    season = 0 if told.season is None else SEASONS_S[told.season] // step_s
    ahead = -(-int(told.ahead) // step_s)
    if season > 0:
        ahead = min(ahead, season - 1)
    return ahead, season, 0 if told.trend is None else max(int(told.trend) // step_s, 1)


def _bounds(scale: Scale, most: int, first_day: int) -> tuple[tuple[int, int], ...]:
    """The least and the most by hour of the week from the start's midnight on; what is written last holds."""
    if not scale.schedule:
        return ()
    found = [(scale.min, most)] * WEEK_H
    for entry in scale.schedule:
        for day in entry.days:
            for hour in range(*entry.hours):
                place = ((DAYS.index(day) - first_day) * 24 + hour) % WEEK_H
                low, high = found[place]
                if entry.exactly is not None:
                    found[place] = entry.exactly, entry.exactly
                elif entry.at_least is not None:
                    found[place] = max(low, entry.at_least), max(high, entry.at_least)
    return tuple(found)


def _together(workload: Inference) -> int:
    """Requests that a full replica works on at once."""
    service = workload.service
    if service.kind == "llm":
        return service.replica.max_batch
    return 1 if service.batching is None else service.batching.max


def _patience_ms(workload: Inference, capacity_rps: float) -> int:
    """The longest wait in a backlog: that of the timeout, or of a queue that is full."""
    longest_s, service = min(workload.timeout, LONGEST_WAIT_S), workload.service
    if service.kind == "single" and service.queue_limit is not None and capacity_rps > 0.0:
        longest_s = min(longest_s, service.queue_limit / capacity_rps)
    return round(longest_s * 1000)
