"""Commands of the videos app."""
