"""Landmark schemes: how many landmarks, which swap in a mirror, and what an error is divided by.

A scheme of your own needs no code: write it where its name would stand in a config,

    scheme: {name: eyes4, landmarks: 4, mirror: [[0, 3], [1, 2]],
             normalizers: {inter_ocular: [[0], [3]], box: box}}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
            indices (the distance of their means) or ``box`` or ``diag`` (of the face box).

    Raises:
        ValueError: A count, a permutation or an index that makes no sense; it names the value.
    """

    name: str
    landmarks: int
    mirror: tuple[int, ...]
    normalizers: Mapping[str, EyeGroups | str]

    def __post_init__(self) -> None:
        _check_count(self.name, self.landmarks)
        if sorted(self.mirror) != list(range(self.landmarks)):
            raise ValueError(
                f"scheme {self.name}: mirror must be a permutation of 0..{self.landmarks - 1}"
            )
        if any(self.mirror[j] != i for i, j in enumerate(self.mirror)):
            raise ValueError(f"scheme {self.name}: mirroring twice must give back each landmark")
        if not self.normalizers:
            raise ValueError(f"scheme {self.name}: name at least one normalizer, such as box: box")
        for name, rule in self.normalizers.items():
            if isinstance(rule, str):
                if rule not in BOX_NORMALIZERS:
                    raise ValueError(
                        f"scheme {self.name}: normalizer {name}={rule!r} must be box, diag or "
                        "two lists of landmark indices"
                    )
                continue
            if len(rule) != 2 or not all(len(group) for group in rule):
                raise ValueError(f"scheme {self.name}: normalizer {name} needs two lists")
            for index in (*rule[0], *rule[1]):
                if not 0 <= index < self.landmarks:
                    raise ValueError(
                        f"scheme {self.name}: normalizer {name} names landmark {index}, but the "
                        f"landmarks are 0..{self.landmarks - 1}"
                    )

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
        """The scheme as plain lists, numbers and text, for files; ``scheme_from`` reads it."""
        pairs = [[i, j] for i, j in enumerate(self.mirror) if i < j]
        normalizers = {
            name: rule if isinstance(rule, str) else [list(group) for group in rule]
            for name, rule in self.normalizers.items()
        }
        return {
            "name": self.name,
            "landmarks": self.landmarks,
            "mirror": pairs,
            "normalizers": normalizers,
        }


def _check_count(name: str, landmarks: object) -> None:
    if isinstance(landmarks, bool) or not isinstance(landmarks, int) or landmarks < 1:
        raise ValueError(
            f"scheme {name}: landmarks={landmarks!r} must be a whole number of at least 1"
        )


def _permutation(name: str, landmarks: int, pairs: Sequence[Sequence[int]]) -> tuple[int, ...]:
    mirror = list(range(landmarks))
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(i, int) and 0 <= i < landmarks for i in pair):
            raise ValueError(
                f"scheme {name}: mirror pair {list(pair)} must be two landmarks of "
                f"0..{landmarks - 1}"
            )
        mirror[pair[0]], mirror[pair[1]] = pair[1], pair[0]
    return tuple(mirror)


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

SCHEMES: dict[str, Scheme] = {
    "ibug68": Scheme(
        "ibug68",
        68,
        _permutation("ibug68", 68, _IBUG68),
        {
            "inter_ocular": ((36,), (45,)),
            "inter_pupil": (tuple(range(36, 42)), tuple(range(42, 48))),
            **_OF_BOX,
        },
    ),
    "wflw98": Scheme(
        "wflw98",
        98,
        _permutation("wflw98", 98, _WFLW98),
        {"inter_ocular": ((60,), (72,)), "inter_pupil": ((96,), (97,)), **_OF_BOX},
    ),
    "aflw19": Scheme("aflw19", 19, _permutation("aflw19", 19, _AFLW19), _OF_BOX),
}
"""The schemes of 300W (68), WFLW (98) and AFLW's 19-point protocol."""


def scheme_from(value: str | Mapping[str, Any] | None) -> Scheme:
    """A built-in scheme by its name, or one's own from a mapping as in the module docstring.

    Raises:
        ValueError: An unknown name, or a mapping that lacks a key or has one too many.
    """
    if value is None:
        raise ValueError(f"scheme is not given; name one of {', '.join(SCHEMES)} or your own")
    if isinstance(value, str):
        if value not in SCHEMES:
            raise ValueError(f"scheme={value!r} is unknown; choose from {', '.join(SCHEMES)}")
        return SCHEMES[value]
    if not isinstance(value, Mapping):
        raise ValueError(f"scheme={value!r} must be a name or a mapping")
    expected = {"name", "landmarks", "mirror", "normalizers"}
    if set(value) != expected:
        raise ValueError(
            f"a scheme needs exactly {', '.join(sorted(expected))}; got {', '.join(sorted(value))}"
        )
    name, count = str(value["name"]), value["landmarks"]
    _check_count(name, count)
    normalizers: dict[str, EyeGroups | str] = {}
    try:
        mirror = _permutation(name, count, value["mirror"])
        for key, rule in value["normalizers"].items():
            if isinstance(rule, str):
                normalizers[str(key)] = rule
            else:
                first, second = ([int(i) for i in group] for group in rule)
                normalizers[str(key)] = (tuple(first), tuple(second))
    except (TypeError, AttributeError) as error:
        raise ValueError(
            f"scheme {name}: mirror must be a list of pairs, and normalizers a mapping of "
            "names to two lists of landmarks, box or diag"
        ) from error
    return Scheme(name, count, mirror, normalizers)
