"""Scenario files -> resolved scenarios, with all problems at once."""
