"""The measured part of the catalogue, made from the data files."""

from pathlib import Path

from sim.calibrate.arrivals import arrival_entries
from sim.calibrate.catalogue import write_entries
from sim.calibrate.gaps import gap_entries
from sim.calibrate.llm import llm_entries
from sim.calibrate.loads import load_entries
from sim.calibrate.markets import market_entries
from sim.calibrate.network import network_entries
from sim.calibrate.prices import price_entries
from sim.calibrate.profiles import profile_entries
from sim.calibrate.spot_prices import spot_price_entries
from sim.calibrate.tokens import token_entries

SUBJECTS = {
    "markets": ("Spot markets: regimes of availability with fitted spells.", market_entries),
    "prices": ("Prices: egress, storage, accelerators on demand and spot, commitments.", price_entries),
    "spot-prices": ("Paths of spot prices.", spot_price_entries),
    "profiles": ("Shapes of a week, and the bursts that remain after them.", profile_entries),
    "arrivals": ("Training submissions: bursts, durations, gangs.", arrival_entries),
    "gaps": ("How requests are spread in time.", gap_entries),
    "tokens": ("Request lengths of language models.", token_entries),
    "llm": ("Iteration times of language models.", llm_entries),
    "loads": ("Model loads, service times, and lifetimes of preemptible machines.", load_entries),
    "network": ("Round-trip times between cloud regions.", network_entries),
}

_MADE = "Made from data files by `python -m sim.calibrate DATA calibration`: change the reader, not the file."


def build_catalogue(data: Path, out: Path) -> None:
    """Write the measured catalogue files into `out`, the same bytes for the same data.

    Raises FileNotFoundError for a data file that is not there. The hand-written files of the catalogue are
    not touched.
    """
    out.mkdir(parents=True, exist_ok=True)
    for subject, (title, entries) in SUBJECTS.items():
        write_entries(out / f"{subject}.yaml", f"{title} {_MADE}", entries(data))
