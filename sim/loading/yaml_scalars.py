"""What plain words mean in YAML 1.2's core schema: https://yaml.org/spec/1.2.2/#103-core-schema."""

import re

MAX_NUMBER = 10**300

NULL = {"", "~", "null", "Null", "NULL"}
BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NUMBER = re.compile(
    r"(?P<decimal>[-+]?[0-9]+)|0o(?P<octal>[0-7]+)|0x(?P<hexadecimal>[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<endless>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
_BASES = {"decimal": 10, "octal": 8, "hexadecimal": 16}


def number_in(found: re.Match[str]) -> int | float | None:
    """The number in a scalar; None when it is not finite or too large."""
    kind = found.lastgroup
    digits = found[kind] if kind else ""
    if kind == "float" and abs(number := float(digits)) < MAX_NUMBER:
        return number
    if kind in _BASES and len(digits.lstrip("+-0")) <= 1000:
        whole = int(digits, _BASES[kind])
        return whole if abs(whole) < MAX_NUMBER else None
    return None
