"""Conditions: `wait > 2 h`, `slack < 12 h`, `utilisation > 80% over 30 days`, joined by `and`."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from sim import units

Subject = Literal["wait", "slack", "utilisation"]

_PART = re.compile(
    r"(?P<subject>\w+)\s*(?P<sign>[<>])\s*(?P<value>[^<>]+?)(?:\s+over\s+(?P<over>[^<>]+?))?(?:\s+of\s+(?P<pool>\S+))?"
)
_TAKES = (
    "'wait > DURATION', 'slack < DURATION' or 'utilisation > PERCENT [over DURATION] [of SITE/POOL]', "
    "joined by 'and'"
)
MAX_LENGTH = 300
_SIGN = {"wait": ">", "slack": "<"}


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison of a condition."""

    subject: Subject
    above: bool
    threshold: float
    """[s] for wait and slack, a fraction for utilisation."""
    over_s: float = 0.0
    pool: str | None = None

    def __str__(self) -> str:
        """The comparison as the user writes it."""
        dimension = units.FRACTION if self.subject == "utilisation" else units.DURATION
        over = f" over {units.render(self.over_s, units.DURATION)}" if self.over_s else ""
        pool = f" of {self.pool}" if self.pool else ""
        sign = ">" if self.above else "<"
        return f"{self.subject} {sign} {units.render(self.threshold, dimension)}{over}{pool}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition holds when all of its tests do."""

    tests: tuple[Test, ...]

    def __str__(self) -> str:
        """The condition as the user writes it."""
        return " and ".join(map(str, self.tests))


def parse_condition(text: str) -> Condition:
    """The condition written as `text`; ValueError says what is allowed."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"a condition has at most {MAX_LENGTH} characters; allowed: {_TAKES}")
    return Condition(tuple(_test(part) for part in re.split(r"\s+and\s+", text.strip())))


def _test(text: str) -> Test:
    found = _PART.fullmatch(text)
    if found is None or found["subject"] not in get_args(Subject):
        raise ValueError(f"{text!r} is not a condition; allowed: {_TAKES}")
    subject: Subject = found["subject"]  # type: ignore[assignment]  # one of the subjects, checked above
    if found["sign"] != _SIGN.get(subject, found["sign"]):
        raise ValueError(f"{text!r} is the wrong way round; allowed: {_TAKES}")
    if subject != "utilisation" and (found["over"] or found["pool"]):
        raise ValueError(f"{text!r}: only utilisation has 'over' and 'of'; allowed: {_TAKES}")
    dimension = units.FRACTION if subject == "utilisation" else units.DURATION
    over_s = units.parse(found["over"], units.DURATION) if found["over"] else 0.0
    return Test(subject, found["sign"] == ">", units.parse(found["value"], dimension), over_s, found["pool"])


class _ReadCondition:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(raw: Any) -> Condition:
            if isinstance(raw, Condition):
                return raw
            if not isinstance(raw, str):
                raise ValueError(f"a condition is a text; allowed: {_TAKES}")  # pydantic collects ValueErrors
            return parse_condition(raw)

        return core_schema.no_info_plain_validator_function(
            validate, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "string",
            "examples": ["wait > 2 h", "slack < 12 h", "utilisation > 80% over 30 days"],
        }


When = Annotated[Condition, _ReadCondition()]
