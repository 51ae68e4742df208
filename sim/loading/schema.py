"""The JSON Schema of scenarios as people write them: for editors, which complete and check while one types.

It is that of the models, with what may be written instead of a resolved value: units, beliefs, references to
the catalogue, short forms, and parts that are filled in. Draft 7, as editors know it best.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from textwrap import dedent
from typing import Any

from sim.loading.schema_quantities import quantity_definitions, reference, to
from sim.scenario.base import Model
from sim.scenario.model import Scenario

Schema = dict[str, Any]

_REFERRED = (
    "Accelerator",
    "Bursts",
    "BurstyArrivals",
    "Clients",
    "Egress",
    "Failures",
    "LlmPerformance",
    "PricePath",
    "Profile",
    "RegimeMarket",
    "Storage",
    "Tokens",
)
"""Parts that a catalogue entry may stand for."""

_FILLED_IN = {
    "Accelerator": ("memory", "speed", "node"),
    "Node": ("accelerators",),
    "OwnedPool": ("node",),
    "OnDemandPool": ("node",),
    "SpotPool": ("node",),
}
"""Keys that a scenario may leave out although the resolved one has them."""


@cache
def json_schema() -> Schema:
    """The schema of a scenario file."""
    raw = Scenario.model_json_schema()
    definitions = {name: _plain(schema) for name, schema in raw.pop("$defs").items()}
    whole = _plain(raw)
    for name, model in _models():
        _describe(whole if model is Scenario else definitions.get(name, {}), model)
    for name, keys in _FILLED_IN.items():
        definitions[name]["required"] = [key for key in definitions[name]["required"] if key not in keys]
    _allow_short_forms(definitions)
    for name in _REFERRED:
        definitions[name] = _either(definitions[name], to("reference"))
    definitions |= {"reference": reference(), **quantity_definitions()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **whole,
        "title": "A scenario of simulate",
        "definitions": dict(sorted(definitions.items())),
    }


def _allow_short_forms(definitions: dict[str, Schema]) -> None:
    """What may be written in place of a mapping or a list."""
    option = definitions["Option"]
    definitions["Option"] = _either(option["properties"]["pool"], option)
    orders = definitions["Strategy"]["properties"]["order"]["patternProperties"]
    for pattern, order in orders.items():
        orders[pattern] = _either(order, order["items"])
    for name, key in (("Trace", "trace"), ("TraceMarket", "trace"), ("Replay", "replay")):
        trace = definitions[name]["properties"][key]
        definitions[name]["properties"][key] = _either(
            trace, {"type": "string", "description": "The path of a CSV file, relative to the scenario."}
        )
    definitions["Egress"] = _either(definitions["Egress"], to("data price"))
    definitions["Warm"] = _either(definitions["Warm"]["properties"]["replicas"], definitions["Warm"])
    definitions["Routing"] = _either(definitions["Routing"]["properties"]["rule"], definitions["Routing"])
    named = {"type": "string", "description": "A profile of the catalogue.", "examples": ["office-hours"]}
    definitions["Profile"] = _either(definitions["Profile"], named)


def _either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def _plain(schema: Any) -> Any:
    """A schema of pydantic's in draft 7, with quantities and definitions in their places."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(value) for key, value in schema.items() if key not in {"$ref", "quantity", "title"}}
    if "properties" in schema:
        plain["properties"] = {key: _plain(value) for key, value in schema["properties"].items()}
    if "prefixItems" in plain:
        plain["items"] = plain.pop("prefixItems")
        plain["additionalItems"] = False
    if "patternProperties" in plain:
        plain["additionalProperties"] = False
    if isinstance(schema.get("$ref"), str):
        plain = _joined(plain, {"$ref": schema["$ref"].replace("#/$defs/", "#/definitions/")})
    elif isinstance(schema.get("quantity"), str):
        plain = _joined(plain, to(schema["quantity"]))
    return plain


def _joined(beside: Schema, target: Schema) -> Schema:
    """A reference with notes beside it: draft 7 ignores what stands next to `$ref` itself."""
    return {**beside, "allOf": [target]} if beside else target


def _models() -> Iterator[tuple[str, type[Model]]]:
    """All models of the language by name."""
    left: list[type[Model]] = [Model]
    while left:
        for model in left.pop().__subclasses__():
            left.append(model)
            yield model.__name__, model


def _describe(schema: Schema, model: type[Model]) -> None:
    """Add the sentences that stand under the fields of a model."""
    for name, text in _field_docs(model).items():
        if name in schema.get("properties", {}):
            schema["properties"][name].setdefault("description", text)


def _field_docs(model: type[Model]) -> dict[str, str]:
    """Field -> the text under it, read from the source of its class."""
    tree = ast.parse(dedent(inspect.getsource(model))).body[0]
    assert isinstance(tree, ast.ClassDef), f"the source of {model.__name__} is no class"
    return {
        field.target.id: str(text.value.value)
        for field, text in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
