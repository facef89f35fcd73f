"""JSON schemas of what surrounds every answer, errors and pages, and of texts in requests."""

from typing import Any

# Patterns (ECMA 262) of text: no NUL, which PostgreSQL cannot store, and where blank text is
# refused something to see. Python takes more characters for white space than ECMA's \s.
TEXT = r"^[^\u0000]*$"
NOT_BLANK = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"
# Besides its format: the last part of the host is a word.
EMAIL = r"^[^@\s\u0000]+@[^@\s\u0000]+\.[A-Za-z][A-Za-z-]*[A-Za-z]$"

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": [
        "statusCode",
        "data",
        "message",
        "success",
        "errors",
        "code",
        "details",
        "requestId",
    ],
    "properties": {
        "statusCode": {"type": "integer"},
        "data": {"type": "null"},
        "message": {"type": "string", "description": "What a person can act on."},
        "success": {"const": False},
        "errors": {"type": "array", "items": {"type": "string"}},
        "code": {
            "type": "string",
            "enum": [
                "invalid",
                "not_authenticated",
                "token_expired",
                "token_invalid",
                "invalid_credentials",
                "permission_denied",
                "cross_site",
                "suspended",
                "not_found",
                "method_not_allowed",
                "conflict",
                "too_large",
                "unsupported_media",
                "throttled",
                "server_error",
                "unavailable",
            ],
        },
        "details": {
            "type": "object",
            "description": "The same by field, for programs.",
            "additionalProperties": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
                },
            },
        },
        "requestId": {"type": "string"},
    },
}

PAGINATION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": [
        "page",
        "limit",
        "totalDocs",
        "totalPages",
        "hasNextPage",
        "hasPrevPage",
        "nextCursor",
    ],
    "properties": {
        "page": {"type": "integer", "minimum": 1},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100},
        "totalDocs": {"type": "integer", "description": "Exact up to 10,000, then an estimate."},
        "totalPages": {"type": "integer"},
        "hasNextPage": {"type": "boolean"},
        "hasPrevPage": {"type": "boolean"},
        "nextCursor": {"type": ["string", "null"]},
    },
}
