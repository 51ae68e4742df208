"""`simulate check`, `simulate resolve` and `simulate schema`: a scenario before anything runs."""

from pathlib import Path

import click

from sim.cli.options import SCENARIO, SET, with_options


@click.command(epilog="Example: simulate check scenarios/hospital.yaml")
@with_options(SCENARIO, SET)
def check(scenario: Path, overrides: tuple[str, ...]) -> None:
    """Read SCENARIO and say everything that is wrong with it; exit code 2 when something is."""
    from sim.loading import load

    found = load(scenario, overrides=overrides)
    pools, strategies = len(found.pools()), len(found.strategies)
    click.echo(
        f"{scenario}: fine ({len(found.sites)} sites, {pools} pools, {len(found.workloads)} workloads, "
        f"{strategies} strategies)"
    )


@click.command(epilog="Example: simulate resolve scenarios/hospital.yaml > resolved.yaml")
@with_options(SCENARIO, SET)
def resolve(scenario: Path, overrides: tuple[str, ...]) -> None:
    """Print SCENARIO with every default and every figure of the catalogue filled in."""
    from sim.loading import load, resolved

    click.echo(resolved(load(scenario, overrides=overrides)), nl=False)


@click.command(epilog="Example: simulate schema > simulate.schema.json")
def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    import json

    from sim.loading import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
