"""Readers and fits: make catalogue entries from data files. Nothing needs it at run time."""
