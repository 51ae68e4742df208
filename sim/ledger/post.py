"""From the records of a run to its ledger."""

from sim.ledger.books import open_books
from sim.ledger.data import copies, egress, storage, transfers
from sim.ledger.hardware import hardware, people
from sim.ledger.postings import Ledger, ledger_of
from sim.ledger.rented import accelerators
from sim.ledger.traffic import Traffic
from sim.policies.plan import Plan
from sim.records import Records
from sim.world.world import World


def post(world: World, plan: Plan, records: Records, traffic: Traffic) -> Ledger:
    """The cost of a run, by calendar month: all rules applied to all records."""
    books = open_books(world, plan, records, traffic)
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
