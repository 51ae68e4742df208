"""Imported last by the process that workers come from: how much processor time that took it [s]."""

import time

TOOK_S = time.process_time()
