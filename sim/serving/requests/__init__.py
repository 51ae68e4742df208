"""Requests one by one, compiled: the truth that latency surfaces are made of.

The kernels draw nothing: arrays of arrivals and of work come in, and the same arrays give the same bits. None
holds Python's lock, so that several run at once.
"""

KERNEL_VERSION = 2
"""Raised when a simulation gives other numbers: surfaces built by an older one are not used then."""
