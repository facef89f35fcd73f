"""How the desk writes, by language: one module each."""
