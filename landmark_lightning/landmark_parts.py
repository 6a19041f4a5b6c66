"""Which landmarks a part of the face has, in the built-in schemes and in one's own."""

from collections.abc import Mapping
from typing import Any

from landmark_lightning.errors import UserError, did_you_mean

PARTS = ("jaw", "brows", "nose", "eyes", "mouth")
"""The parts that a scheme may name."""

PAIRED = ("brows", "eyes")
"""Parts of which a face has two: the first half of their landmarks is the one, the rest the
other."""

Parts = dict[str, tuple[int, ...]]

_WFLW98_EYES = (*range(60, 68), 96, *range(68, 76), 97)
BUILT_IN: dict[str, Parts] = {
    "ibug68": {
        "jaw": tuple(range(17)), "brows": tuple(range(17, 27)), "nose": tuple(range(27, 36)),
        "eyes": tuple(range(36, 48)), "mouth": tuple(range(48, 68)),
    },
    "wflw98": {
        "jaw": tuple(range(33)), "brows": tuple(range(33, 51)), "nose": tuple(range(51, 60)),
        "eyes": _WFLW98_EYES, "mouth": tuple(range(76, 96)),
    },
    "aflw19": {
        "jaw": (18,), "brows": tuple(range(6)), "nose": (12, 13, 14),
        "eyes": tuple(range(6, 12)), "mouth": (15, 16, 17),
    },
}  # fmt: skip
"""The parts of the built-in schemes; a jaw runs from one ear to the other."""


def covered_parts(parts: Parts) -> list[tuple[int, ...]]:
    """Groups of landmarks that something may cover at once, an occluder or a mask.

    They are the parts but for the jaw, whose box is the whole face; and the mouth together with
    the jaw below it.

    Examples:
        >>> covered_parts({"jaw": tuple(range(8)), "mouth": (8, 9)})
        [(8, 9), (8, 9, 2, 3, 4, 5)]
    """
    groups = [members for name, members in parts.items() if name != "jaw"]
    if "jaw" in parts and "mouth" in parts:
        jaw = parts["jaw"]
        ear = len(jaw) // 4
        groups.append(parts["mouth"] + jaw[ear : len(jaw) - ear])
    return groups


def check_parts(parts: Any, landmarks: int, where: str) -> Parts:  # noqa: ANN401
    """The parts of a scheme, as they are kept.

    Args:
        parts: Lists of landmark indices by the part's name.
        landmarks: Number of landmarks L.
        where: What messages begin with.

    Raises:
        UserError: An unknown part, or what is no list of landmarks; it is named.
    """
    if not isinstance(parts, Mapping):
        raise UserError(f"{where}: parts={parts!r} must be a mapping of parts to landmarks")
    kept: Parts = {}
    for name, members in parts.items():
        if name not in PARTS:
            hint = did_you_mean(name, PARTS)
            raise UserError(f"{where}: part {name!r} must be one of {', '.join(PARTS)}{hint}")
        if not isinstance(members, (list, tuple)) or not members:
            raise UserError(f"{where}: part {name}={members!r} must be a list of landmarks")
        for each in members:
            if type(each) is not int or not 0 <= each < landmarks or members.count(each) > 1:
                raise UserError(
                    f"{where}: part {name} names landmark {each!r}, but it must name some of "
                    f"0..{landmarks - 1}, each once"
                )
        if name in PAIRED and len(members) % 2:
            raise UserError(
                f"{where}: part {name} has {len(members)} landmarks, but first come those of one "
                "side, then as many of the other"
            )
        kept[name] = tuple(members)
    return kept
