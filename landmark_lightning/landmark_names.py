"""Names of landmarks: what may be one, and what left and right in them say of a mirror.

A side is the word ``left`` or ``right`` at the beginning of a word (left_eye, eyeLeft, lefteye),
or a letter ``l`` or ``r`` that stands alone (L_eye, eye_l, eyeL, L1). Two landmarks are a mirror
pair where the name of one, its sides exchanged, is the name of the other.
"""

import re
from collections.abc import Sequence

from landmark_lightning.errors import UserError

_SIDE = re.compile(
    r"(?<![A-Za-z])(?:left|right)"  # left_eye, lefteye
    r"|(?<![A-Z])(?:Left|Right)"  # LeftEye, eyeLeft
    r"|(?<![A-Za-z])(?:LEFT|RIGHT)"  # LEFT_EYE
    r"|(?<![A-Za-z])[lr](?![a-z])"  # eye_l, l1, lEye
    r"|(?<![A-Z])[LR](?![A-Za-z])"  # L_eye, eyeL
    r"|(?<![A-Za-z])[LR](?=[A-Z][a-z])"  # LEye
)
LONGEST = 200
"""Letters of a landmark's name."""

_OTHER = {"left": "right", "Left": "Right", "LEFT": "RIGHT", "l": "r", "L": "R"}
_OTHER |= {right: left for left, right in _OTHER.items()}


def mirrored_name(name: str) -> str:
    """A name with left and right exchanged; one without a side stays as it is."""
    return _SIDE.sub(lambda side: _OTHER[side[0]], name)


def mirror_pairs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Mirror pairs of landmarks by the left and right in their names, ascending."""
    places = {name: place for place, name in enumerate(names)}
    partners = ((place, places.get(mirrored_name(name))) for place, name in enumerate(names))
    return [(i, j) for i, j in partners if j is not None and i < j]


def check_names(names: object, landmarks: int, where: str) -> tuple[str, ...]:
    """Names of L landmarks, or none at all; ``where`` is what messages say they are of.

    Raises:
        UserError: Another number of names, one that is empty, no single line of text or there
            twice; it is named.
    """
    if names is None or (isinstance(names, Sequence) and len(names) == 0):
        return ()
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise UserError(f"{where}: names={names!r} must be a list of {landmarks} names")
    if len(names) != landmarks:
        raise UserError(f"{where}: names has {len(names)} names for {landmarks} landmarks")
    seen: set[str] = set()
    for name in names:
        line = isinstance(name, str) and name.strip() and name.isprintable()
        if not line or len(name) > LONGEST:
            raise UserError(
                f"{where}: names holds {name!r:.80}, which must be a line of text of at most "
                f"{LONGEST} letters"
            )
        if name in seen:
            raise UserError(f"{where}: names has {name!r} twice")
        seen.add(name)
    return tuple(names)
