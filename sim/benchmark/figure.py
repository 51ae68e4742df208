"""The growth of what a job costs, as one SVG; the same bytes for the same figures."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context

from sim.benchmark.growth import Growth
from sim.report.figures import RC, legend, new_figure, style
from sim.study.files import replacing

TITLE = "What a job costs the compiled engine"


def draw_growth(path: Path, growth: Sequence[Growth], about: str) -> None:
    """Write the figure to `path`; StorageError where that fails."""
    figure, panels = new_figure(TITLE, f"medians of processor time. {about}", rows=2, height=6.0)
    for axes, grows in zip(panels, ("jobs", "nodes"), strict=True):
        for place, one in enumerate(one for one in growth if one.grows == grows):
            axes.plot(one.sizes, one.us_per_job, marker="o", ms=3, label=one.name, **style(place))
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set_xlabel(grows)
        axes.set_ylabel("microseconds per job")
        axes.tick_params(labelbottom=True)
        legend(axes)
    with rc_context({**RC, "svg.fonttype": "none"}), replacing(path) as partial:
        figure.savefig(partial, format="svg", metadata={"Date": None, "Creator": None})
