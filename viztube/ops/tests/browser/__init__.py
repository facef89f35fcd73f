"""What people see in a real browser: Chromium, on the whole running service."""
