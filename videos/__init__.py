"""Videos: upload, probing, publication, search, views and history."""
