"""The social app over HTTP, one module a noun."""
