"""``python -m viztube.ops.dev``: the development service, and the servers that tests need."""
