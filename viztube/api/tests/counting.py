"""Lists that are too long to be counted, without their rows."""

from typing import Any

import pytest

from viztube.api import listings
from viztube.api.listings import Listed, Listing


def count_up_to(rows: int, patch: pytest.MonkeyPatch) -> None:
    """Let the planner estimate what has more than some rows."""

    def made_anew(listing: Listing, **values: Any) -> Listed:
        """Return the list with statements of its own: the number is part of them."""
        own = Listing(
            listing._kind,
            listing._columns,
            listing._build,
            listing._of,
            listing._search,
            is_own=listing._is_own,
        )
        return Listed(own, values)

    patch.setattr(listings, "EXACT_COUNT", rows)
    patch.setattr(Listing, "__call__", made_anew)
