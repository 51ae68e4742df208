"""What pydantic says about a scenario -> faults in our words, at paths of the document."""

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from sim.errors import did_you_mean
from sim.scenario.base import NAME_PATTERN, Fault, Path
from sim.scenario.model import Scenario

_NEEDED = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
}
_NAMES = {
    NAME_PATTERN: "a name: letters, digits, dots, dashes and underscores",
    r"^[A-Z]{3}$": "a currency in three letters, such as USD",
    r"^[1-9][0-9]{0,5}$": "a number of accelerators",
}


def faults_in(error: ValidationError) -> Iterator[Fault]:
    """All faults that pydantic has found."""
    found = error.errors(include_url=False)
    for details in found:
        # Items that are wrong are not counted by pydantic: a list is not too short because of them.
        wrong_inside = any(_is_below(other["loc"], details["loc"]) for other in found)
        if details["type"] != "too_short" or not wrong_inside:
            yield from _faults(details)


def _is_below(loc: tuple[str | int, ...], place: tuple[str | int, ...]) -> bool:
    return len(loc) > len(place) and loc[: len(place)] == place


def _faults(error: ErrorDetails) -> Iterator[Fault]:
    path, found, context = _path(error["loc"]), error["input"], error.get("ctx", {})
    match error["type"]:
        case "quantity":
            for fault in context["faults"]:
                yield Fault((*path, *fault.path), fault.message, fault.found, fault.allowed, fault.hint)
        case "alternative":
            key, _, known = error["msg"].partition(":")
            yield _alternative(path, found, key, tuple(known.split()))
        case "missing" if isinstance(path[-1], int):
            yield Fault(path[:-1], f"this list has too few values: {path[-1]}")
        case "missing":
            yield Fault(path[:-1], f"'{path[-1]}' is needed")
        case "extra_forbidden":
            key, keys = str(path[-1]), keys_at(error["loc"][:-1])
            hint = did_you_mean(key, keys)
            yield Fault(path, f"unknown key '{key}'", None, ", ".join(keys), hint, at_key=True)
        case "literal_error":
            allowed = tuple(name.strip("' ") for name in context["expected"].replace(" or ", ",").split(","))
            yield _unknown(path, found, allowed)
        case kind if kind in _NEEDED:
            instead = "" if isinstance(found, float) else f", not {shape(found)}"
            yield Fault(path, f"{_NEEDED[kind]} is needed{instead}", shown(found))
        case _:
            yield _limit(path, found, error)


def _alternative(path: Path, found: Any, key: str, allowed: tuple[str, ...]) -> Fault:
    """None of several forms fits."""
    known = ", ".join(allowed)
    if not isinstance(found, Mapping):
        told = f"a mapping is needed, not {shape(found)}"
        return Fault(path, told, shown(found), f"a mapping with the key {key or ' or '.join(allowed)}")
    if key and key not in found:
        return Fault(path, f"'{key}' is needed", None, known)
    if key:
        return _unknown((*path, key), found[key], allowed)
    keys = [str(name) for name in found]
    hint = did_you_mean(keys[0], allowed) if len(keys) == 1 else None
    return Fault(path, "one key is needed that says which kind it is", ", ".join(keys) or "{}", known, hint)


def _unknown(path: Path, found: Any, allowed: tuple[str, ...]) -> Fault:
    """A value that is not one of those allowed."""
    if not isinstance(found, str):
        return Fault(path, f"a text is needed, not {shape(found)}", shown(found), ", ".join(allowed))
    key = next(part for part in reversed(path) if isinstance(part, str))
    return Fault(
        path, f"unknown {key} '{shown(found)}'", None, ", ".join(allowed), did_you_mean(found, allowed)
    )


def _limit(path: Path, found: Any, error: ErrorDetails) -> Fault:
    """A value of the right type that is too large, too small, or not of the right form."""
    context = error.get("ctx", {})
    match error["type"]:
        case "greater_than_equal":
            return Fault(path, f"a number of at least {context['ge']} is needed", shown(found))
        case "less_than_equal":
            return Fault(path, f"a number of at most {context['le']} is needed", shown(found))
        case "string_pattern_mismatch":
            form = _NAMES.get(context["pattern"], "a pool, written as site/pool")
            return Fault(path, f"this is not {form}", shown(found), at_key=error["loc"][-1] == "[key]")
        case "string_too_short":
            return Fault(path, "this text must not be empty")
        case "string_too_long":
            message = f"this text has more than {context['max_length']} characters"
            return Fault(path, message, at_key=error["loc"][-1] == "[key]")
        case "too_short" if context["actual_length"] == 0:
            return Fault(path, "at least one is needed here")
        case "too_short" | "too_long":
            most = context.get("max_length", context.get("min_length"))
            return Fault(path, f"this holds {context['actual_length']} values; {most} are needed")
        case "value_error":
            message, _, allowed = str(context["error"]).partition("; allowed: ")
            return Fault(path, message, None, allowed or None)
        case _:
            return Fault(path, error["msg"], shown(found))


def shape(value: Any) -> str:
    """What kind of thing was written."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case int() | float():
            return "a number"
        case _:
            return "a text"


def shown(value: Any) -> str | None:
    """What was written, in short; None where there is nothing to show."""
    match value:
        case None | Mapping() | list() | tuple():
            return None
        case bool():
            return str(value).lower()
        case _:
            text = str(value)
            return text if len(text) <= 60 else f"{text[:60]}..."


def _path(loc: tuple[str | int, ...]) -> Path:
    """The path in the document: pydantic's without tags of alternatives and its mark of a wrong key."""
    return tuple(step for step in loc if step != "[key]" and not _is_tag(step))


def _is_tag(step: str | int) -> bool:
    return isinstance(step, str) and step.startswith("<") and step.endswith(">")


def keys_at(loc: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys that the language has at a place: of the alternatives named by tags, or of all."""
    places: list[tuple[str | None, Any]] = [(None, Scenario)]
    for step in loc:
        if _is_tag(step):
            places = [place for place in places if place[0] == step]
        else:
            places = [below for _, place in places for below in _alternatives(_below(place, step))]
    models = (place for _, place in places if isinstance(place, type) and issubclass(place, BaseModel))
    return tuple(dict.fromkeys(key for model in models for key in model.model_fields))


def _alternatives(place: Any, tag: str | None = None) -> Iterator[tuple[str | None, Any]]:
    """The plain types that a type may stand for, each with its tag."""
    arguments = get_args(place)
    if get_origin(place) is Annotated:
        tag = next((note.tag for note in arguments[1:] if isinstance(note, Tag)), tag)
        yield from _alternatives(arguments[0], tag)
    elif get_origin(place) in {Union, types.UnionType}:
        for member in arguments:
            yield from _alternatives(member, tag)
    else:
        yield tag, place


def _below(place: Any, step: str | int) -> Any:
    """The type one step below a plain type."""
    if isinstance(place, type) and issubclass(place, BaseModel):
        field = place.model_fields.get(str(step))
        return field.annotation if field else None
    arguments = get_args(place)
    if get_origin(place) is dict:
        return arguments[1]
    if get_origin(place) is tuple and isinstance(step, int):
        several = tuple(argument for argument in arguments if argument is not Ellipsis)
        return several[min(step, len(several) - 1)]
    return None
