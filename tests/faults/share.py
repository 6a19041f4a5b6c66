"""How many of the attacks in this folder are tried: all of them, or a seeded share."""

import os
import random
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

SHARE = float(os.environ.get("FAULTS", "0.02"))
"""Share of each table of attacks that is tried: 1 is all of it; by default what seconds suffice
for. ``make test-faults`` tries a tenth, ``make test-faults-full`` all."""


def share(whole: Iterable[T], least: int = 1) -> list[T]:
    """The attacks of a table that are tried, in its order.

    The same share of the same table is the same attacks, and a larger one holds a smaller one.

    Args:
        whole: The table, such as a list of inputs or ``range(200)`` seeds.
        least: So many are tried at least, whatever the share.
    """
    attacks = list(whole)
    places = random.Random(0).sample(range(len(attacks)), len(attacks))
    tried = min(len(attacks), max(least, round(SHARE * len(attacks))))
    return [attacks[place] for place in sorted(places[:tried])]
