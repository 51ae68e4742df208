"""`simulate check`, `simulate resolve` and `simulate schema`: a scenario before anything runs."""

from pathlib import Path

import click

from sim.cli.options import SCENARIO, SET, with_options
from sim.cli.output import answer


@click.command(
    short_help="Say everything that is wrong with SCENARIO.",
    epilog="Example: simulate check scenarios/hospital.yaml",
)
@with_options(SCENARIO, SET)
def check(scenario: Path, overrides: tuple[str, ...]) -> None:
    """Read SCENARIO and say everything that is wrong with it; exit code 2 when something is."""
    from sim.cli.reading import read_scenario

    found = read_scenario(scenario, overrides)
    counts = {
        "site": len(found.sites),
        "pool": len(found.pools()),
        "workload": len(found.workloads),
        "strategy": len(found.strategies),
    }
    answer(f"{scenario}: fine ({', '.join(_counted(*count) for count in counts.items())})\n")


@click.command(
    short_help="Print SCENARIO with all defaults and figures filled in.",
    epilog="Example: simulate resolve scenarios/hospital.yaml > resolved.yaml",
)
@with_options(SCENARIO, SET)
def resolve(scenario: Path, overrides: tuple[str, ...]) -> None:
    """Print SCENARIO with every default and every figure of the catalogue filled in."""
    from sim.cli.reading import read_scenario
    from sim.loading import resolved

    answer(resolved(read_scenario(scenario, overrides)))


@click.command(epilog="Example: simulate schema > simulate.schema.json")
def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    import json

    from sim.loading import json_schema

    answer(json.dumps(json_schema(), indent=2) + "\n")


def _counted(noun: str, count: int) -> str:
    """`1 site`, `2 strategies`."""
    return (
        f"{count} {noun if count == 1 else noun.removesuffix('y') + ('ies' if noun.endswith('y') else 's')}"
    )
