"""Landmark schemes: how many landmarks, which swap in a mirror, and what an error is divided by.

A scheme of your own needs no code. Write it in a YAML file and give that as ``dataset.scheme``,

    name: hand4
    landmarks: 4
    mirror: [] # pairs that change places in a mirrored picture, such as [[0, 3], [1, 2]]
    normalizers: {box: box, palm: [[0], [3]]} # the first leads the tables
    names: [wrist, thumb, index, middle] # may be left out
    parts: {eyes: [0, 3], mouth: [1, 2]} # of a face, for covers; may be left out

or in one line where its name would stand in a config.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landmark_lightning.documents import from_yaml, read_text
from landmark_lightning.errors import UserError, did_you_mean
from landmark_lightning.landmark_names import check_names, mirror_pairs
from landmark_lightning.landmark_parts import BUILT_IN, Parts, check_parts

MOST_LANDMARKS = 10_000
"""Of a scheme: tens of times as many as any in use; a file may claim any number."""

LONGEST_NAME = 200
"""Letters of a scheme's, landmark's or normalizer's name."""

BOX_NORMALIZERS = ("box", "diag")
"""Normalizers that are measured on the face box: sqrt(w h) and sqrt(w^2 + h^2)."""

EyeGroups = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Scheme:
    """A landmark scheme.

    Attributes:
        name: Name in configs, files and reports.
        landmarks: Number of landmarks L.
        mirror: (L,) permutation: landmark i of a mirrored face is landmark ``mirror[i]`` of the
            face as it was.
        normalizers: What an error may be divided by, by name. Either two groups of landmark
            indices (the distance of their means) or ``box`` or ``diag`` (of the face box). The
            first one leads the tables where a dataset names none.
        names: L names of the landmarks, or none.
        parts: Landmarks by the part of the face, or none: those of a jaw from one ear to the
            other, those of brows and eyes first of one side, then as many of the other.

    Raises:
        UserError: A count, a permutation or an index that makes no sense; it names the value.
    """

    name: str
    landmarks: int
    mirror: tuple[int, ...]
    normalizers: Mapping[str, EyeGroups | str]
    names: tuple[str, ...] = ()
    parts: Parts = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.name) > LONGEST_NAME:
            raise UserError(f"a scheme's name has {len(self.name):,} letters; shorten it")
        _check_count(self.name, self.landmarks)
        check_names(self.names, self.landmarks, f"scheme {self.name}")
        check_parts(self.parts, self.landmarks, f"scheme {self.name}")
        if sorted(self.mirror) != list(range(self.landmarks)):
            raise UserError(
                f"scheme {self.name}: mirror must be a permutation of 0..{self.landmarks - 1}"
            )
        if any(self.mirror[j] != i for i, j in enumerate(self.mirror)):
            raise UserError(f"scheme {self.name}: mirroring twice must give back each landmark")
        if not self.normalizers:
            raise UserError(f"scheme {self.name}: name at least one normalizer, such as box: box")
        for name, rule in self.normalizers.items():
            if len(name) > LONGEST_NAME:
                raise UserError(
                    f"scheme {self.name}: a normalizer's name has {len(name):,} letters"
                )
            if isinstance(rule, str):
                if rule not in BOX_NORMALIZERS:
                    raise UserError(
                        f"scheme {self.name}: normalizer {name}={rule!r} must be box, diag or "
                        "two lists of landmark indices"
                    )
                continue
            if len(rule) != 2 or not all(len(group) for group in rule):
                raise UserError(f"scheme {self.name}: normalizer {name} needs two lists")
            for index in (*rule[0], *rule[1]):
                if not 0 <= index < self.landmarks:
                    raise UserError(
                        f"scheme {self.name}: normalizer {name} names landmark {index}, but the "
                        f"landmarks are 0..{self.landmarks - 1}"
                    )

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The mirror pairs, ascending."""
        return [(i, j) for i, j in enumerate(self.mirror) if i < j]

    def called(self, landmark: int) -> str:
        """A landmark's number and, where it has one, its name, for messages."""
        return f"{landmark} ({self.names[landmark]})" if self.names else str(landmark)

    def normalize(self, landmarks: NDArray[Any], box: NDArray[Any]) -> NDArray[np.float64]:
        """Measures every normalizer of faces.

        Args:
            landmarks: (..., L, 2) in pixels.
            box: (..., 4) x0, y0, x1, y1 in the same pixels.

        Returns:
            (..., R) lengths in the same pixels, in the order of ``normalizers``.
        """
        width, height = box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]
        lengths = []
        for rule in self.normalizers.values():
            if rule == "box":
                lengths.append(np.sqrt(np.maximum(width * height, 0.0)))
            elif rule == "diag":
                lengths.append(np.hypot(width, height))
            else:
                left, right = (landmarks[..., np.array(group), :].mean(axis=-2) for group in rule)
                lengths.append(np.linalg.norm(right - left, axis=-1))
        return np.stack(lengths, axis=-1).astype(np.float64)

    def to_dict(self) -> dict[str, Any]:
        """What ``scheme_from`` reads, for files; the parts of a built-in scheme are left out."""
        normalizers = {
            name: rule if isinstance(rule, str) else [list(group) for group in rule]
            for name, rule in self.normalizers.items()
        }
        parts = {name: list(members) for name, members in self.parts.items()}
        return {
            "name": self.name,
            "landmarks": self.landmarks,
            "mirror": [list(pair) for pair in self.pairs],
            "normalizers": normalizers,
            **({"names": list(self.names)} if self.names else {}),
            **({"parts": parts} if self.parts != _known_parts(self.name, self.mirror) else {}),
        }


def _check_count(name: str, landmarks: object) -> None:
    whole = isinstance(landmarks, int) and not isinstance(landmarks, bool)
    if not whole or not 1 <= landmarks <= MOST_LANDMARKS:  # type: ignore[operator]
        raise UserError(
            f"scheme {name}: landmarks={landmarks!r} must be a whole number of at least 1, "
            f"and at most {MOST_LANDMARKS}"
        )


def _permutation(name: str, landmarks: int, pairs: Sequence[Sequence[int]]) -> tuple[int, ...]:
    mirror = list(range(landmarks))
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(i, int) and 0 <= i < landmarks for i in pair):
            raise UserError(
                f"scheme {name}: mirror pair {list(pair)} must be two landmarks of "
                f"0..{landmarks - 1}"
            )
        mirror[pair[0]], mirror[pair[1]] = pair[1], pair[0]
    return tuple(mirror)


def _known_parts(name: str, mirror: Sequence[int]) -> Parts:
    """The parts of the built-in scheme of this name and mirror; none where there is none."""
    known = SCHEMES.get(name)
    return known.parts if known is not None and known.mirror == tuple(mirror) else {}


def _rule(rule: Any) -> EyeGroups | str:  # noqa: ANN401
    """A normalizer's rule.

    Raises:
        TypeError: It is neither text nor two lists of whole numbers.
    """
    if isinstance(rule, str):
        return rule
    if len(rule) != 2 or not all(isinstance(i, int) for group in rule for i in group):
        raise TypeError
    return tuple(rule[0]), tuple(rule[1])


def _runs(*runs: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Mirror pairs (first + k, last - k) for k < count, for each (first, last, count)."""
    return [(first + k, last - k) for first, last, count in runs for k in range(count)]


_IBUG68 = [*_runs((0, 16, 8), (17, 26, 5), (31, 35, 2), (36, 45, 4), (48, 54, 3), (60, 64, 2))]
_IBUG68 += [(40, 47), (41, 46), (55, 59), (56, 58), (65, 67)]
_WFLW98 = [*_runs((0, 32, 16), (33, 46, 5), (38, 50, 4), (60, 72, 5), (76, 82, 3), (88, 92, 2))]
_WFLW98 += [(55, 59), (56, 58), (65, 75), (66, 74), (67, 73), (83, 87), (84, 86)]
_WFLW98 += [(93, 95), (96, 97)]
_AFLW19 = [(0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9), (12, 14), (15, 17)]
_OF_BOX: dict[str, EyeGroups | str] = {name: name for name in BOX_NORMALIZERS}

_EYES68: dict[str, EyeGroups] = {
    "inter_ocular": ((36,), (45,)), "inter_pupil": (tuple(range(36, 42)), tuple(range(42, 48))),
}  # fmt: skip
_EYES98: dict[str, EyeGroups] = {"inter_ocular": ((60,), (72,)), "inter_pupil": ((96,), (97,))}

SCHEMES: dict[str, Scheme] = {
    name: Scheme(name, L, _permutation(name, L, pairs), {**eyes, **_OF_BOX}, parts=BUILT_IN[name])
    for name, L, pairs, eyes in (
        ("ibug68", 68, _IBUG68, _EYES68),
        ("wflw98", 98, _WFLW98, _EYES98),
        ("aflw19", 19, _AFLW19, {}),
    )
}
"""The schemes of 300W (68), WFLW (98) and AFLW's 19-point protocol."""


def scheme_from(value: str | Mapping[str, Any] | None, file: bool = True) -> Scheme:
    """A built-in scheme by its name, or one's own from a YAML file or a mapping.

    Args:
        value: The name, the file's path, or a mapping as in the module docstring.
        file: Whether it may be a path. Where it is itself from a file, it may not: others' files
            don't say which of ours are read.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: An unknown name, a file that can't be read, or a mapping that lacks a key or
            has one too many.
    """
    known = ", ".join(SCHEMES)
    if value is None:
        raise UserError(
            f"dataset.scheme is not given; name one of {known} or a YAML file of your own"
        )
    if isinstance(value, str):
        if value in SCHEMES:
            return SCHEMES[value]
        if not file or not value.endswith((".yaml", ".yml")):
            hint = did_you_mean(value, SCHEMES)
            raise UserError(
                f"scheme={value!r} is unknown; choose from {known}, or name a .yaml{hint}"
            )
        return _scheme_of_file(Path(value))
    if not isinstance(value, Mapping):
        raise UserError(f"scheme={value!r} must be a name, a .yaml file or a mapping")
    needed = {"name", "landmarks", "mirror", "normalizers"}
    if not needed <= set(value) <= needed | {"names", "parts"}:
        raise UserError(
            f"a scheme has {', '.join(sorted(needed))} and maybe names and parts; got "
            f"{', '.join(sorted(map(str, value)))}"
        )
    name, count = str(value["name"]), value["landmarks"]
    _check_count(name, count)
    try:
        mirror = _permutation(name, count, value["mirror"])
        normalizers = {str(key): _rule(rule) for key, rule in value["normalizers"].items()}
    except (TypeError, AttributeError) as error:
        raise UserError(
            f"scheme {name}: mirror must be a list of pairs, and normalizers a mapping of "
            "names to two lists of landmarks, box or diag"
        ) from error
    names = check_names(value.get("names"), count, f"scheme {name}")
    parts = value.get("parts", _known_parts(name, mirror))
    parts = check_parts(parts, count, f"scheme {name}")
    return Scheme(name, count, mirror, normalizers, names, parts)


def scheme_from_names(name: str, names: Sequence[str]) -> Scheme:
    """The scheme of a source that says no more than its L landmarks' names.

    Left and right in the names give the mirror pairs; errors are divided by the box.

    Raises:
        UserError: Names that can't be some; it is named.
    """
    checked = check_names(names, len(names), f"scheme {name}")
    mirror = _permutation(name, len(checked), mirror_pairs(checked))
    return Scheme(name, len(checked), mirror, _OF_BOX, checked)


def scheme_setting(scheme: Scheme) -> str | dict[str, Any]:
    """A scheme as a setting that needs no file: a built-in one's name, another one's content."""
    return scheme.name if SCHEMES.get(scheme.name) == scheme else scheme.to_dict()


def _scheme_of_file(path: Path) -> Scheme:
    if not path.is_file():
        raise FileNotFoundError(f"scheme={path} does not exist")
    try:
        content = from_yaml(read_text(path))
    except UserError as error:
        raise UserError(f"scheme={path} can't be read: {error}") from error
    if not isinstance(content, Mapping):
        raise UserError(f"scheme={path} must hold name, landmarks, mirror and normalizers")
    try:
        return scheme_from(content)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
