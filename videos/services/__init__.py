"""Writes of the videos app, one module a noun."""
