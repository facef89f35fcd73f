"""How this API speaks: envelope, errors, pagination, field names, permissions, OpenAPI."""
