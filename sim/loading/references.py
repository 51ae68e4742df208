"""References to the catalogue -> the figures that they stand for.

`{catalogue: NAME}` may stand anywhere; keys beside it replace figures of the entry. `profile: NAME` and
`price: catalogue` are short forms.
"""

import copy
from typing import Any

from sim.loading.catalogue import Entry
from sim.loading.resolution import Resolution, Tree, guess
from sim.scenario.base import Path

_PLACES = {
    "accelerator": {"accelerators"},
    "arrivals": {"bursty", "duration", "accelerators"},
    "boot": {"boot", "load"},
    "bursts": {"bursts"},
    "egress": {"egress"},
    "failures": {"failures", "per_node"},
    "gaps": {"arrivals"},
    "lead-time": {"lead_time"},
    "lifetime": {"lifetime"},
    "llm": {"models"},
    "market": {"market"},
    "network": {"rtt", "access"},
    "price": {"price", "mean"},
    "profile": {"profile"},
    "pue": {"pue"},
    "residual": {"resale"},
    "salary": {"salary"},
    "service": {"time"},
    "spot-price": {"price"},
    "storage": {"storage"},
    "tokens": {"tokens"},
}
"""Kinds of entries, and the keys under which they may stand."""

MAX_SHOWN = 12
"""Entries of the catalogue that an error names."""
_WRAPPED = {"price": "price", "spot-price": "mean_reverting"}
"""Kinds whose value is found under a key of the entry."""


def resolve_references(resolution: Resolution) -> None:
    """Replace `{catalogue: NAME}`, `profile: NAME`, `price: catalogue` and prices of egress in short form."""
    resolution.tree = _replaced(resolution, resolution.tree, ())
    for path, pool, site in resolution.pools():
        _resolve_price(resolution, path, pool, site)
    for site in resolution.section("sites").values():
        if isinstance(site, dict) and isinstance(site.get("egress"), str):
            site["egress"] = {"tiers": [{"price": site["egress"]}]}


def _replaced(resolution: Resolution, part: Any, path: Path) -> Any:
    """A copy of a part of the tree with figures in the places of references."""
    if isinstance(part, list):
        return [_replaced(resolution, item, (*path, n)) for n, item in enumerate(part)]
    if not isinstance(part, dict):
        return (
            _profile(resolution, part, path) if path[-1:] == ("profile",) and isinstance(part, str) else part
        )
    if not isinstance(part.get("catalogue"), str):
        return {key: _replaced(resolution, value, (*path, key)) for key, value in part.items()}
    name = part["catalogue"]
    if name not in resolution.catalogue:
        told, near = f"the catalogue has no entry '{name}'", guess(name, resolution.catalogue.names())
        resolution.give_up(path, told, _fitting(resolution, path), near)
        return part
    entry = resolution.fetch(name, path)
    if entry is None:
        return part
    over = {
        key: _replaced(resolution, value, (*path, key)) for key, value in part.items() if key != "catalogue"
    }
    return _fitted(resolution, entry, over, path)


def _fitted(resolution: Resolution, entry: Entry, over: Tree, path: Path) -> Any:
    """The value of an entry with some of its figures replaced; faults when it does not belong here."""
    place = _place(path)
    if place not in _PLACES.get(entry.kind, {place}):
        fitting = [kind for kind, places in _PLACES.items() if place in places]
        allowed = f"entries of the kind {' or '.join(fitting)}" if fitting else None
        resolution.give_up(path, f"the catalogue entry '{entry.name}' is of the kind {entry.kind}", allowed)
        return None
    value = entry.value
    if entry.kind in _WRAPPED:
        value = value.get(_WRAPPED[entry.kind]) if isinstance(value, dict) else None
        if value is None:
            resolution.give_up(path, f"the catalogue entry '{entry.name}' holds no price")
            return None
    value = copy.deepcopy(value)
    if over and not isinstance(value, dict):
        resolution.note(path, f"the catalogue entry '{entry.name}' is one figure, and has no keys to replace")
        return value
    return {**value, **over} if over else value


def _fitting(resolution: Resolution, path: Path) -> str | None:
    """Entries that may stand at a path, as many as can be read; None where nothing is known of it."""
    place, catalogue = _place(path), resolution.catalogue
    if place == "price" and "pools" not in path:
        return None  # that of power or of data, of which the catalogue has none
    kinds = {kind for kind, places in _PLACES.items() if place in places} | {place}
    names = [name for name in catalogue.names() if catalogue.entry(name).kind in kinds]
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(names[:MAX_SHOWN]) + more if names else None


def _place(path: Path) -> str | int:
    """What stands at a path: its key, or for the entries of a section, the section."""
    if path[0] in {"accelerators", "models"}:
        return path[0]
    if "access" in path[:-1]:
        return "access"
    return path[-1]


def _profile(resolution: Resolution, name: str, path: Path) -> Any:
    """The shape of the week called `name`."""
    entry = resolution.fetch(f"profile.{name}", path) if f"profile.{name}" in resolution.catalogue else None
    if entry is None:
        known = [full.removeprefix("profile.") for full in resolution.catalogue.names("profile.")]
        resolution.give_up(
            path, f"the catalogue has no profile '{name}'", ", ".join(known), guess(name, known)
        )
        return name
    return copy.deepcopy(entry.value)


def _resolve_price(resolution: Resolution, path: Path, pool: Tree, site: Tree) -> None:
    """`price: catalogue`, or `mean: catalogue` in the path of a price: that of the site's provider."""
    price = pool.get("price")
    if price == "catalogue":
        pool["price"] = _provider_price(resolution, (*path, "price"), pool, site)
    elif isinstance(price, dict) and price.get("mean") == "catalogue":
        price["mean"] = _provider_price(resolution, (*path, "price", "mean"), pool, site)


def _provider_price(resolution: Resolution, path: Path, pool: Tree, site: Tree) -> Any:
    """The provider's price of an accelerator under the pool's purchase."""
    purchase, accelerator, provider = pool.get("purchase"), pool.get("accelerator"), site.get("provider")
    if not isinstance(purchase, str) or not isinstance(accelerator, str):
        # The models will say so, and need nothing of the price then.
        resolution.unresolved.append(path)
        return "catalogue"
    end = f".{accelerator}.{purchase}"
    sellers = [
        name.removeprefix("price.").removesuffix(end)
        for name in resolution.catalogue.names("price.")
        if name.endswith(end)
    ]
    known = ", ".join(sellers) if sellers else "none: write the price"
    if provider is None:
        resolution.give_up(path, "a price from the catalogue needs the site's 'provider'", known)
    elif provider not in sellers:
        told = f"the catalogue has no {purchase} price of {accelerator} from '{provider}'"
        resolution.give_up(path, told, known)
    else:
        entry = resolution.fetch(f"price.{provider}{end}", path)
        return entry.value["price"] if entry else None
    return "catalogue"
