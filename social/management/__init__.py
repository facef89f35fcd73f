"""Commands of the social app."""
