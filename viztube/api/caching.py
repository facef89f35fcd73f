"""What the shared cache may hold, and what it raises when it is away."""

from typing import Any

import orjson
from redis.exceptions import RedisError

# Refused, timed out, out of memory, read-only.
CACHE_AWAY = (RedisError, OSError)


class JSONSerializer:
    """Values as JSON: whoever can write to the cache cannot make us run code, as with a pickle."""

    def dumps(self, value: Any) -> bytes:
        """Return the text of a value."""
        return orjson.dumps(value)

    def loads(self, data: bytes) -> Any:
        """Return the value of a text."""
        return orjson.loads(data)
