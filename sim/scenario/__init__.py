"""The scenario language: frozen, closed models of what a user can write."""
