"""The quantities of the JSON Schema: numbers with units, beliefs, random quantities, references."""

import re
from typing import Any

from sim import units
from sim.scenario.random_quantities import TAKES, parameter_names, takes_quantiles
from sim.units import Dimension

Schema = dict[str, Any]

_NUMBER = (
    r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
)
_CURRENCY = r"(?:[A-Z]{3}|[$€£])"
_QUANTILE = r"^(?:median|p[0-9]{1,2}(?:\.[0-9]{1,6})?)$"


def to(quantity: str) -> Schema:
    """A reference to the definition of a quantity, as in `random duration`."""
    return {"$ref": f"#/definitions/{_key(quantity)}"}


def reference() -> Schema:
    """A reference to the catalogue; keys beside it replace figures of the entry."""
    return {
        "type": "object",
        "description": "An entry of the catalogue; keys beside it replace figures of the entry.",
        "properties": {"catalogue": {"type": "string"}},
        "required": ["catalogue"],
    }


def quantity_definitions() -> dict[str, Schema]:
    """The definitions of all quantities, by name."""
    found: dict[str, Schema] = {}
    for dimension in units.DIMENSIONS:
        found[_key(dimension.name)] = _number(dimension)
        found[_key(f"random {dimension.name}")] = _random(dimension)
        found[_key(f"families of {dimension.name}")] = _families(dimension)
    found[_key("threshold of fraction")] = {
        "anyOf": [to(name) for name in ("fraction", "money", "duration")],
        "description": "A plain number in the metric's unit, a percentage, an amount of money, a duration.",
    }
    return found


def _key(quantity: str) -> str:
    return quantity.replace(" ", "-")


def _number(dimension: Dimension) -> Schema:
    """A number with its unit, a belief about it, or a figure of the catalogue."""
    belief = {
        "type": "object",
        "description": "A number that is not known, drawn once per sampled future.",
        "properties": {"belief": to(f"families of {dimension.name}")},
        "required": ["belief"],
        "additionalProperties": False,
    }
    forms: list[Schema] = [{"type": "string", "pattern": _pattern(dimension)}, belief, to("reference")]
    if dimension.bare:
        forms.insert(0, {"type": "number"})
    if dimension is units.HOURLY_PRICE:
        forms.append({"const": "catalogue", "description": "The price of the site's provider."})
    unit = f" in {dimension.accepted}" if dimension.accepted else ""
    examples = [text.strip() for text in re.split(r", | or ", dimension.example)]
    return {"anyOf": forms, "description": f"{dimension.phrase}{unit}".capitalize(), "examples": examples}


def _pattern(dimension: Dimension) -> str:
    """What a number with a unit of this dimension looks like."""
    unit = "|".join(sorted({_unit(spelling) for spelling in dimension.factors}, key=len, reverse=True))
    symbol = "[$€£]?" if "¤" in dimension.canonical else ""
    return rf"^\s*{symbol}{_NUMBER}[kM]?\s*(?:{unit})\s*$"


def _unit(spelling: str) -> str:
    """A unit as a pattern: `per` for `/`, any currency (or a symbol before the number), `per 3 days`."""
    first, *rest = spelling.split("/")
    first = f"{_CURRENCY}?" if first == "¤" else re.escape(first)
    below = [re.sub(r"^[0-9]+\\? ?", "", re.escape(part)) for part in rest]
    return first + "".join(rf"\s*(?:/|per)\s*(?:[1-9][0-9]{{0,6}} ?)?{part}" for part in below)


def _random(dimension: Dimension) -> Schema:
    return {
        "anyOf": [to(dimension.name), to(f"families of {dimension.name}")],
        "description": f"A random quantity: {dimension.phrase}, or a family of distributions.",
    }


def _families(dimension: Dimension) -> Schema:
    """One key that names a family."""
    return {
        "type": "object",
        "properties": {family: _family(family, dimension) for family in TAKES},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }


def _family(family: str, dimension: Dimension) -> Schema:
    """What stands under the name of a family."""
    schema: Schema = {"type": "object", "minProperties": 1, "description": f"Takes {TAKES[family]}."}
    match family:
        case "choice":
            return schema | {"additionalProperties": to("fraction")}
        case "quantiles":
            return schema | {"additionalProperties": to(dimension.name)}
        case "mixture":
            part = {"weight": to("fraction"), "of": to(f"random {dimension.name}")}
            item = {
                "type": "object",
                "properties": part,
                "required": list(part),
                "additionalProperties": False,
            }
            return {"type": "array", "items": item, "minItems": 1, "description": schema["description"]}
    names = {name: to("fraction" if plain else dimension.name) for name, plain in parameter_names(family)}
    quantiles = {_QUANTILE: to(dimension.name)} if takes_quantiles(family) else {}
    return schema | {"properties": names, "patternProperties": quantiles, "additionalProperties": False}
