"""The cost ledger: `post(open_books(world, plan, records, traffic)) -> Ledger`, its totals and its
rows under FOCUS names.

Records and prices are opened as books; rules charge what things cost to accounts, month by month; the month
of an account, rounded, is a posting.
"""

from sim.ledger.books import Books, open_books
from sim.ledger.focus import focus_rows
from sim.ledger.post import post
from sim.ledger.postings import (
    Category,
    Ledger,
    billed_accelerator_s,
    micro_by,
    total_micro,
    total_usd,
)
from sim.ledger.traffic import Traffic

__all__ = [
    "Books",
    "Category",
    "Ledger",
    "Traffic",
    "billed_accelerator_s",
    "focus_rows",
    "micro_by",
    "open_books",
    "post",
    "total_micro",
    "total_usd",
]
