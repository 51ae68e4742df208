"""Sites, their pools and prices, the network between locations, and datasets."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, StrictBool, Tag, model_validator

from sim.scenario.base import Count, Model, Name, Positive, tag, told_by, told_by_key
from sim.scenario.quantities import (
    Bandwidth,
    Data,
    DataGrowth,
    DataPrice,
    Duration,
    EnergyPrice,
    Factor,
    Fraction,
    HourlyPrice,
    KnownData,
    KnownFraction,
    Money,
    PositiveDuration,
    PositiveFactor,
    Power,
    PowerUsage,
    RandomDuration,
    Rate,
    Ratio,
    Salary,
    StoragePrice,
)


class Link(Model):
    """The network between two locations; transfers share its bandwidth, first come first served."""

    between: tuple[Name, Name]
    rtt: RandomDuration
    bandwidth: Bandwidth
    price: DataPrice = 0.0


class EgressTier(Model):
    """One step of a tiered egress price."""

    up_to: KnownData | None = None
    """The volume in a calendar month at which the next step begins."""
    price: DataPrice


class Egress(Model):
    """The price of data that leaves a site, by volume in a calendar month."""

    tiers: Annotated[tuple[EgressTier, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _tiers_rise(self) -> Self:
        *bounded, last = (tier.up_to for tier in self.tiers)
        if last is not None:
            raise ValueError("the last tier has no 'up_to': it holds for all that is above")
        ends = [end for end in bounded if end is not None]
        if len(ends) < len(bounded) or any(a >= b for a, b in pairwise(ends)):
            raise ValueError("every tier but the last has an 'up_to', each larger than the one before")
        return self


class PowerSupply(Model):
    """Electricity price and power usage effectiveness of a site."""

    price: EnergyPrice
    pue: PowerUsage = 1.0


class Staff(Model):
    """People who run a site, in full-time equivalents."""

    people: Factor
    salary: Salary


class Storage(Model):
    """The price of keeping data at a site."""

    price: StoragePrice


class Node(Model):
    """A machine: its accelerators, and for owned ones its price and draw at the plug."""

    accelerators: Positive
    price: Money = 0.0
    idle: Power = 0.0
    busy: Power = 0.0
    support: Ratio = 0.0
    """Support contract, share of the price a year."""


class Failures(Model):
    """How often a node fails, and how long its repair takes."""

    per_node: Rate
    repair: RandomDuration


class OwnedPool(Model):
    """Accelerators that we own: fixed, and enlarged by orders that arrive late."""

    purchase: Literal["owned"]
    accelerator: Name
    node: Node
    nodes: Count = 0
    """Standing at the start."""
    age: Duration = 0.0
    """Of the nodes that stand, at the start."""
    max_nodes: Count | None = None
    """What rack space and power allow."""
    life: PositiveDuration = 5 * 365 * 86400.0
    resale: Fraction = 0.0
    """Of the price, at the end of its life."""
    lead_time: RandomDuration | None = None
    """From an order to its delivery."""
    failures: Failures | None = None


class OnDemandPool(Model):
    """Accelerators rented by the second, up to a quota."""

    purchase: Literal["on-demand"]
    accelerator: Name
    node: Node
    price: HourlyPrice
    """Of one accelerator."""
    boot: RandomDuration | None = None
    quota: Count | None = None
    """Accelerators that may be rented at once."""


class PricePath(Model):
    """A price that wanders around its mean: its logarithm reverts to the mean, and moves now and then."""

    mean: HourlyPrice
    sd: Ratio
    """Of the logarithm of the price, over a long time."""
    half_life: Duration
    """Of a deviation from the mean."""
    changes: Rate


class Regime(Model):
    """A state of a spot market; without `largest_gang` every gang is served."""

    spell: RandomDuration
    largest_gang: Count | None = None
    next: dict[Name, KnownFraction] | None = None
    """Where the market goes from here; when it is left out: to each of the others alike."""


class RegimeMarket(Model):
    """Availability as a chain of regimes with random spells."""

    regimes: Annotated[dict[Name, Regime], Field(min_length=1)]


class TraceMarket(Model):
    """Availability replayed from a trace of [spell, largest gang] steps."""

    trace: Annotated[tuple[tuple[PositiveDuration, Count | None], ...], Field(min_length=1)]
    """A step without a largest gang (null) serves every gang."""
    random_start: StrictBool = True
    """Whether the replay begins at a random moment of the trace."""


def _price_form(value: Any) -> str:
    """A path is written as a mapping; so is a belief, which is about a number."""
    path = isinstance(value, PricePath) or (isinstance(value, Mapping) and "belief" not in value)
    return tag("mean" if path else "number")


class SpotPool(Model):
    """Accelerators rented cheaply that the provider may take back."""

    purchase: Literal["spot"]
    accelerator: Name
    node: Node
    price: Annotated[
        Annotated[PricePath, Tag(tag("mean"))] | Annotated[HourlyPrice, Tag(tag("number"))],
        Discriminator(_price_form),
    ]
    """Of one accelerator."""
    market: (
        Annotated[
            Annotated[RegimeMarket, Tag(tag("regimes"))] | Annotated[TraceMarket, Tag(tag("trace"))],
            told_by_key("regimes", "trace"),
        ]
        | None
    ) = None
    lifetime: RandomDuration | None = None
    """Time from the start of a lease to its reclaim, apart from what the market does."""
    notice: Duration = 0.0
    boot: RandomDuration | None = None
    quota: Count | None = None


Pool = Annotated[
    Annotated[OwnedPool, Tag(tag("owned"))]
    | Annotated[OnDemandPool, Tag(tag("on-demand"))]
    | Annotated[SpotPool, Tag(tag("spot"))],
    told_by("purchase", {purchase: tag(purchase) for purchase in ("owned", "on-demand", "spot")}),
]


class Site(Model):
    """A place with a network location and a legal zone."""

    kind: Literal["on-prem", "cloud", "edge"]
    location: Name
    zone: Name
    """The legal zone that the rules speak of."""
    provider: Name | None = None
    """Whose prices the catalogue is asked for, and who sends the bill."""
    power: PowerSupply | None = None
    staff: Staff | None = None
    storage: Storage | None = None
    egress: Egress | None = None
    access: dict[Name, RandomDuration] = Field(default_factory=dict)
    """Round trip from users at a location to the site."""
    pools: dict[Name, Pool] = Field(default_factory=dict)


class Dataset(Model):
    """Data with a home; `tags` are what the rules speak of."""

    home: Name
    size: Data
    growth: DataGrowth = 0.0
    tags: tuple[Name, ...] = ()


class Rule(Model):
    """The law: what carries `tag` may be kept and worked on only in these zones."""

    tag: Name
    stay_in: tuple[Name, ...]


class Accelerator(Model):
    """What is known of an accelerator type; `speed` is its training throughput relative to an A100-80GB."""

    memory: Data
    speed: PositiveFactor
    node: Node
