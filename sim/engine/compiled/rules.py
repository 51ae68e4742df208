"""The rules that both engines share, made known to the compiler; for all others they stay as they are."""

from sim.jit import usable
from sim.policies import checkpoints, fluid, placement, plan, procurement, scaling

full_length_s = usable(checkpoints.full_length_s)
split = usable(checkpoints.split)
opens_s = usable(placement.opens_s)
holds = usable(placement.holds)
local_s = usable(placement.local_s)
reference_s = usable(placement.reference_s)
length_class = usable(placement.length_class)
copying_s = usable(plan.copying_s)
may_judge = usable(procurement.may_judge)
was_busy = usable(procurement.was_busy)
shipments = usable(procurement.shipments)
shipped = usable(procurement.shipped)
fitting = usable(procurement.fitting)
first_to_go = usable(scaling.first_to_go)
first_to_serve = usable(scaling.first_to_serve)
awake = usable(scaling.awake)
needed = usable(scaling.needed)
settled = usable(scaling.settled)
backlog_after = usable(fluid.backlog_after)
