"""The log: rows of facts, in the order in which they happened, turned into records at the end."""

from dataclasses import dataclass, field

from sim.records import (
    Attempts,
    Closing,
    Nodes,
    Orders,
    Outages,
    Records,
    Refusals,
    Replicas,
    Sold,
    Transfers,
)

Rows = list[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Log:
    """One list of rows for each table of the records."""

    attempts: Rows = field(default_factory=list)
    replicas: Rows = field(default_factory=list)
    nodes: Rows = field(default_factory=list)
    sold: Rows = field(default_factory=list)
    outages: Rows = field(default_factory=list)
    orders: Rows = field(default_factory=list)
    transfers: Rows = field(default_factory=list)
    refusals: Rows = field(default_factory=list)
    closing: Rows = field(default_factory=list)

    def records(self) -> Records:
        """The records, each table sorted by its rows, so that no order of events shows in them."""
        return Records(
            Attempts.of(sorted(self.attempts)),
            Replicas.of(sorted(self.replicas)),
            Nodes.of(sorted(self.nodes)),
            Sold.of(sorted(self.sold)),
            Outages.of(sorted(self.outages)),
            Orders.of(sorted(self.orders)),
            Transfers.of(sorted(self.transfers)),
            Refusals.of(sorted(self.refusals)),
            Closing.of(sorted(self.closing)),
        )
