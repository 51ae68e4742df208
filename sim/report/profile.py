"""Where a study's processor time went, in lines."""

from collections.abc import Iterator, Mapping

PARTS = (
    "start-up",
    "surfaces",
    "sampling",
    "engine",
    "serving",
    "ledger",
    "metrics",
    "writing",
    "statistics",
    "figures",
)
"""In the order in which they come; surfaces are the latencies of services, kept from study to study."""


def profile_report(spent_s: Mapping[str, float], futures: int, workers: int) -> Iterator[str]:
    """Processor seconds of all processes by part, per future carried out, and the part's share of all."""
    everything_s = sum(spent_s.values())
    carried_out = f"{futures:,} {'future' if futures == 1 else 'futures'} carried out"
    here = "in this process" if workers == 1 else f"by {workers} processes"
    yield f"processor time, {carried_out} {here}"
    for part in (*PARTS, "all"):
        part_s = everything_s if part == "all" else spent_s.get(part, 0.0)
        each = f"{1000 * part_s / futures:9.2f} ms a future" if futures else ""
        share = f"{part_s / everything_s:6.1%}".replace("%", " %") if everything_s else ""
        yield f"  {part:10} {part_s:9.2f} s {each} {share}".rstrip()
