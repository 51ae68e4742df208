"""Inference: the simulation of a service's requests, its latency surface, and the year in intervals."""
