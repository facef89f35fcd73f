"""Writes of the social app, one module a noun."""
