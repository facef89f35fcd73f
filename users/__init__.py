"""People and their sessions: sign-up, login, rotation, account."""
