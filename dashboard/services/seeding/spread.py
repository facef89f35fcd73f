"""Spreading things unevenly: a few places get much, most get little."""

from collections.abc import Iterator
from math import gcd

# The first k of n places get this power of k/n of everything: a tenth of them gets 46 percent.
SKEW = 1 / 3


class Popularity:
    """An order of ``count`` things, the most popular first, in which neighbours have no relation.

    Both ways are computed: a shuffled list of a million would have to be kept.
    """

    def __init__(self, count: int) -> None:
        self._count = max(count, 1)
        # Steps of such a length meet every place once before they come back to the first.
        self._step = max(1, int(self._count * 0.618))
        while gcd(self._step, self._count) != 1:
            self._step += 1
        self._back = pow(self._step, -1, self._count)

    def thing(self, rank: int) -> int:
        """Return the number of the thing at a rank, both from 0."""
        return rank * self._step % self._count

    def rank(self, thing: int) -> int:
        """Return the rank of a thing, both from 0."""
        return thing * self._back % self._count


def shares(total: int, *, places: int, most: int) -> Iterator[int]:
    """Yield how much each of the places gets, the first the most, together exactly the total.

    No place gets more than ``most``; the total must fit, so be ``places * most`` or less. What is
    too much for one place goes to the next ones: their own shares are smaller, so there is room.
    """
    given = 0
    for place in range(1, places + 1):
        share = min(most, int(total * (place / places) ** SKEW) - given)
        given += share
        yield share
