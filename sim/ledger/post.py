"""From the records of a run to its ledger."""

from sim.ledger.books import Books
from sim.ledger.data import copies, egress, storage, transfers
from sim.ledger.hardware import hardware, people
from sim.ledger.postings import Ledger, ledger_of
from sim.ledger.rented import accelerators


def post(books: Books) -> Ledger:
    """The cost of a run, by calendar month: all rules applied to all records."""
    copied = copies(books)
    entries = (
        *hardware(books),
        *people(books),
        *accelerators(books),
        *storage(books, copied),
        *transfers(books, copied),
        *egress(books, copied),
    )
    return ledger_of(entries, books.months)
