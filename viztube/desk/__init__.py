"""The staff desk: what every page of Django admin has in common."""
