"""Management of the dashboard app."""
