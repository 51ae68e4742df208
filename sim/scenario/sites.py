"""Sites, their pools and prices, the network between locations, and datasets."""

from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.base import Model, Name
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
    Money,
    Power,
    RandomDuration,
    Rate,
    Ratio,
    Salary,
    StoragePrice,
)

Count = Annotated[int, Field(ge=0, le=1_000_000)]
Positive = Annotated[int, Field(ge=1, le=1_000_000)]


class Link(Model):
    """The network between two locations; transfers share its bandwidth, first come first served."""

    between: tuple[Name, Name]
    rtt: RandomDuration
    bandwidth: Bandwidth
    price: DataPrice = 0.0


class EgressTier(Model):
    """One step of a tiered egress price; `up_to` is the volume in a calendar month at which the next step begins."""

    up_to: Data | None = None
    price: DataPrice


class Egress(Model):
    """The price of data that leaves a site, by volume in a calendar month."""

    tiers: tuple[EgressTier, ...]


class PowerSupply(Model):
    """Electricity price and power usage effectiveness of a site."""

    price: EnergyPrice
    pue: Factor = 1.0


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
    max_nodes: Count | None = None
    life: Duration = 5 * 365 * 86400.0
    resale: Fraction = 0.0
    lead_time: RandomDuration | None = None
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
    """A price that wanders around its mean: its logarithm reverts to the mean, and moves at random moments."""

    mean: HourlyPrice
    sd: Ratio
    half_life: Duration
    changes: Rate


class Regime(Model):
    """A state of a spot market; without `largest_gang` every gang is served."""

    spell: RandomDuration
    largest_gang: Count | None = None
    next: dict[Name, Fraction] | None = None
    """Where the market goes from here; with two regimes: to the other."""


class RegimeMarket(Model):
    """Availability as a chain of regimes with random spells."""

    regimes: dict[Name, Regime]


class TraceMarket(Model):
    """Availability replayed from a trace of (spell, largest gang) steps that is started at a random moment."""

    trace: tuple[tuple[Duration, Count | None], ...]
    random_start: bool = True


class SpotPool(Model):
    """Accelerators rented cheaply that the provider may take back."""

    purchase: Literal["spot"]
    accelerator: Name
    node: Node
    price: HourlyPrice | PricePath
    """Of one accelerator."""
    market: RegimeMarket | TraceMarket | None = None
    lifetime: RandomDuration | None = None
    """Time from the start of a lease to its reclaim, apart from what the market does."""
    notice: Duration = 0.0
    boot: RandomDuration | None = None
    quota: Count | None = None


Pool = Annotated[OwnedPool | OnDemandPool | SpotPool, Field(discriminator="purchase")]


class Site(Model):
    """A place with a network location and a legal zone."""

    kind: Literal["on-prem", "cloud", "edge"]
    location: Name
    zone: Name
    provider: str | None = None
    """Who sends the bill; the site's own name where it is not said."""
    power: PowerSupply | None = None
    staff: Staff | None = None
    storage: Storage | None = None
    egress: Egress | None = None
    access: dict[Name, RandomDuration] = {}
    """Round trip from users at a location to the site."""
    pools: dict[Name, Pool] = {}


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
    speed: Factor
    node: Node
