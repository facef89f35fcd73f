"""Writes of the users app, one module a noun."""
