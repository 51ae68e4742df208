"""How fast the engines are, beside what they could be measured against, all in one run.

    measure(size, ...) -> Report

`worlds` holds what is run, `rivals` what stands beside it, `timing` takes turns, `comparisons` and `growth`
say what is compared, `report` puts it into tables and a document, `figure` draws the growth.
"""

from sim.benchmark.comparisons import FULL, QUICK, Comparison, Size
from sim.benchmark.growth import Growth
from sim.benchmark.report import Report, document, measure, report_of

__all__ = ["FULL", "QUICK", "Comparison", "Growth", "Report", "Size", "document", "measure", "report_of"]
