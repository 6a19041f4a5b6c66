"""What a stress test does to its faces: a cover, or blur, noise or dark of a severity."""

from collections.abc import Sequence
from dataclasses import dataclass

from landmark_lightning.errors import UserError
from landmark_lightning.inference.stress.covers import COVERS
from landmark_lightning.inference.stress.frame import NEEDED
from landmark_lightning.schemes import Scheme

CLEAN = "clean"
"""Name of the faces as they are, among the conditions."""


@dataclass(frozen=True)
class Condition:
    """One thing that is done to all faces.

    Attributes:
        kind: ``mask``, ``sunglasses``, ``hand``, ``patch``, ``blur``, ``noise`` or ``dark``.
        severity: 1 to 5; 0 for a cover.
    """

    kind: str
    severity: int = 0

    @property
    def covers(self) -> bool:
        """Whether it covers part of a face."""
        return not self.severity

    @property
    def name(self) -> str:
        """Its name in metrics.json, such as ``mask`` or ``blur 3``."""
        return self.kind if self.covers else f"{self.kind} {self.severity}"


def conditions_of(
    cover: Sequence[str] = (),
    blur: Sequence[int] = (),
    noise: Sequence[int] = (),
    dark: Sequence[int] = (),
) -> list[Condition]:
    """The conditions that landmark-evaluate is asked for, each once.

    Args:
        cover: Names of covers.
        blur: Severities of blur.
        noise: Severities of noise.
        dark: Severities of dark.
    """
    worse = {"blur": blur, "noise": noise, "dark": dark}
    wanted = [Condition(kind) for kind in cover]
    wanted += [Condition(kind, each) for kind, severities in worse.items() for each in severities]
    return list(dict.fromkeys(wanted))


def check_conditions(conditions: Sequence[Condition], scheme: Scheme) -> None:
    """Checks that the faces of a scheme can be covered as wanted.

    Raises:
        UserError: A cover needs parts that the scheme does not name.
    """
    lacking = [part for part in NEEDED if part not in scheme.parts]
    needy = next((each.kind for each in conditions if each.kind in COVERS), None)
    if needy and lacking:
        raise UserError(
            f"cover={needy} is placed by eyes and mouth, but scheme {scheme.name} names no part "
            f"{lacking[0]}; name it under parts in the scheme's YAML and prepare the dataset "
            "again, or take cover=patch"
        )
