"""What may not be the text of a comment or a tweet, and what may."""

from typing import Any

# Name -> body -> the field the answer blames.
REFUSED: dict[str, Any] = {
    "missing": {},
    "null": {"content": None},
    "empty": {"content": ""},
    "blank": {"content": " \t\n\u3000 "},
    "a number": {"content": 7},
    "a list": {"content": ["text"]},
    "NUL": {"content": "a\x00b"},
}
# Sent -> stored.
TAKEN = {
    "  spaces around \n": "spaces around",
    "<script>alert(1)</script> & 'quotes' %s": "<script>alert(1)</script> & 'quotes' %s",
    "line\nbreaks\r\n\r\nstay": "line\nbreaks\r\n\r\nstay",
    "\U0001f600 \u202eright to left\u202c \u0645\u0631\u062d\u0628\u0627": (
        "\U0001f600 \u202eright to left\u202c \u0645\u0631\u062d\u0628\u0627"
    ),
}
