"""Imported last by the process that workers come from: compiled code, and what all of it has taken."""

import gc
import time

from sim.study.ready import preload

preload()  # each worker would do it again
gc.freeze()  # what is there by now stays: workers need not look through it for garbage
gc.enable()

TOOK_S = time.process_time()
"""Processor time until here [s]."""
