"""Imported last by the process that workers come from: compiled code, and what all of it has taken."""

import time

from sim.study.ready import preload

preload()  # each worker would do it again

TOOK_S = time.process_time()
"""Processor time until here [s]."""
