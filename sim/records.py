"""Records: the facts that the engine leaves behind, as columns of integers.

Times are [s] since the start, accelerators are counts, pools, workloads, sites, datasets and links are
positions in the plan (`sim.policies.plan.Plan`), jobs are positions in the world's job table. Everything that
costs money or that a metric speaks of is computed from these afterwards.
"""

from dataclasses import dataclass, fields
from enum import IntEnum
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Outcome(IntEnum):
    """How an attempt or a replica ended."""

    FINISHED = 0
    RECLAIMED = 1
    """Taken back by the spot market or at the end of its lifetime."""
    FAILED = 2
    """Its node failed."""
    RELEASED = 3
    """A replica that was no longer needed."""
    CUT_OFF = 4
    """Still running at the horizon."""


class Reason(IntEnum):
    """Why a decision could not be carried out."""

    RESIDENCY = 0
    """The law keeps the data elsewhere."""
    NEVER_FITS = 1
    """The gang is larger than the pool can ever be."""
    POOL_FULL = 2
    """No node had room."""
    BEHIND_HEAD = 3
    """There was room, but it was kept for the one that waited longest."""
    QUOTA = 4
    """The provider's quota was used up."""
    NO_SPOT = 5
    """The spot market did not serve a gang of this size."""
    CONDITION = 6
    """The strategy did not yet allow this pool."""
    DATA_IN_TRANSIT = 7
    """The dataset had not arrived at the site."""
    RACK_FULL = 8
    """An order would exceed the nodes that fit."""


class Kind(IntEnum):
    """Who was refused."""

    JOB = 0
    REPLICA = 1
    ORDER = 2


@dataclass(frozen=True, slots=True)
class Columns:
    """A table of equally long integer columns."""

    @classmethod
    def of(cls, rows: list[tuple[int, ...]]) -> Self:
        """The table with these rows, each in the order of the fields."""
        width = len(fields(cls))
        numbers = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=len(rows) * width)
        columns = numbers.reshape(-1, width).T
        return cls(*(np.ascontiguousarray(column) for column in columns))

    def __len__(self) -> int:
        """The number of rows."""
        return len(getattr(self, fields(self)[0].name))


@dataclass(frozen=True, slots=True)
class Attempts(Columns):
    """A job's tries, one lease each, whose time is boot, restart, kept, checkpoint and lost together."""

    job: Ints
    attempt: Ints
    pool: Ints
    node: Ints
    """First node of an owned pool; -1 elsewhere."""
    leased: Ints
    """Accelerators leased: the gang, or whole nodes for gangs larger than a node."""
    start_s: Ints
    end_s: Ints
    outcome: Ints
    boot_s: Ints
    restart_s: Ints
    kept_s: Ints
    """Time on work that counts: finished or saved in a checkpoint."""
    checkpoint_s: Ints
    lost_s: Ints
    """Time on work that must be done again."""


@dataclass(frozen=True, slots=True)
class Replicas(Columns):
    """A service's replicas, one lease each; ready in [ready_s, end_s), never when ready_s == end_s."""

    service: Ints
    slot: Ints
    attempt: Ints
    pool: Ints
    node: Ints
    leased: Ints
    start_s: Ints
    ready_s: Ints
    end_s: Ints
    outcome: Ints


@dataclass(frozen=True, slots=True)
class Nodes(Columns):
    """Nodes that we own, each in [from_s, horizon)."""

    pool: Ints
    node: Ints
    from_s: Ints
    order: Ints
    """The order that brought it; -1 for nodes that stood at the start."""


@dataclass(frozen=True, slots=True)
class Sold(Columns):
    """Nodes that stood at the start and that the strategy does not want."""

    pool: Ints
    nodes: Ints


@dataclass(frozen=True, slots=True)
class Outages(Columns):
    """Times in which a node that we own was down: [start_s, end_s)."""

    pool: Ints
    node: Ints
    start_s: Ints
    end_s: Ints


@dataclass(frozen=True, slots=True)
class Orders(Columns):
    """Shipments of ordered nodes; `arrived_s` is -1 when the shipment is still on its way at the horizon."""

    pool: Ints
    order: Ints
    shipment: Ints
    nodes: Ints
    ordered_s: Ints
    arrived_s: Ints


@dataclass(frozen=True, slots=True)
class Transfers(Columns):
    """Datasets copied to another site over a link (-1: none needed); `end_s` -1: under way at the horizon."""

    dataset: Ints
    source: Ints
    target: Ints
    link: Ints
    size_bytes: Ints
    asked_s: Ints
    start_s: Ints
    end_s: Ints


@dataclass(frozen=True, slots=True)
class Refusals(Columns):
    """Decisions that could not be carried out.

    `entity` is the job, the service or (for orders) the pool; `pool` the pool that was asked.
    """

    time_s: Ints
    kind: Ints
    entity: Ints
    pool: Ints
    reason: Ints
    count: Ints


@dataclass(frozen=True, slots=True)
class Closing(Columns):
    """Each pool's own count at the horizon, [accelerator-s]: capacity_s == leased_s + idle_s + down_s.

    For rented pools capacity is what was leased.
    """

    pool: Ints
    capacity_s: Ints
    leased_s: Ints
    idle_s: Ints
    down_s: Ints


@dataclass(frozen=True, slots=True)
class Records:
    """Everything that a run leaves behind."""

    attempts: Attempts
    replicas: Replicas
    nodes: Nodes
    sold: Sold
    outages: Outages
    orders: Orders
    transfers: Transfers
    refusals: Refusals
    closing: Closing
