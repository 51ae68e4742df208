"""Proofs as commands: what the simulator says beside theory, and beside what was measured."""
