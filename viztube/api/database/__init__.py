"""Django's backend for PostgreSQL, for processes that answer requests within seconds."""
