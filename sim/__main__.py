"""`python -m sim` is the same as `simulate`."""

from sim.cli import main

main()
