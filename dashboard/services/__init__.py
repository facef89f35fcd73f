"""Writes of the dashboard app."""
