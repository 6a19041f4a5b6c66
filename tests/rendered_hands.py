"""Hands rendered as blobs, with 21 landmarks, as a folder of one's own: something that is no face.

python -m tests.rendered_hands /tmp/hands
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

FINGERS = ("thumb", "index", "middle", "ring", "little")
NAMES = ("wrist", *(f"{finger}_{joint}" for finger in FINGERS for joint in range(1, 5)))
"""The 21 landmarks as hand detectors number them: the wrist, then each finger from its root."""

SCHEME = f"""\
name: hand21
landmarks: 21
mirror: []
normalizers: {{box: box, diag: diag, palm: [[0], [9]]}}
names: [{", ".join(NAMES)}]
"""

SIDE = 160
_DIRECTIONS = np.radians([-55.0, -22.0, -4.0, 13.0, 31.0])
_ROOTS = np.array([0.32, 0.9, 0.95, 0.9, 0.82])
_LENGTHS = np.array([0.22, 0.27, 0.3, 0.27, 0.2])


def rendered_hand(rng: np.random.Generator) -> tuple[Image.Image, NDArray[np.float64]]:
    """A hand and its landmarks (21, 2) in pixels, pixel centres at whole numbers."""
    spread, curl = rng.normal(0, 0.08, 5), rng.uniform(0.0, 0.5, 5)
    points = [np.zeros(2)]
    for finger, root in enumerate(_ROOTS):
        direction = _DIRECTIONS[finger] + spread[finger]
        place = root * np.array([np.sin(direction), -np.cos(direction)])
        points.append(place)
        for _ in range(3):
            direction = direction + curl[finger] * 0.4
            place = place + _LENGTHS[finger] * np.array([np.sin(direction), -np.cos(direction)])
            points.append(place)
    hand = np.array(points)
    turn, scale = rng.normal(0, 0.35), rng.uniform(40, 55)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    hand = scale * (hand - hand.mean(axis=0)) @ turned.T
    hand += SIDE / 2 + rng.uniform(-8, 8, 2)
    picture = Image.fromarray(rng.integers(20, 90, (SIDE, SIDE), dtype=np.uint8))
    pen, skin = ImageDraw.Draw(picture), int(rng.integers(150, 230))
    for finger in range(5):
        chain = [hand[0], *hand[1 + 4 * finger : 5 + 4 * finger]]
        pen.line([tuple(p) for p in chain], fill=skin, width=round(scale / 5), joint="curve")
    for x, y in hand:
        radius = scale / 9
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=min(skin + 25, 255))
    return picture.filter(ImageFilter.GaussianBlur(0.7)), hand


def write_hands(root: Path, splits: Mapping[str, int], seed: int = 0) -> Path:
    """Writes photos, landmarks.csv and hand21.yaml.

    Args:
        root: The folder.
        splits: Hands by split: ``train``, ``val`` and ``test``.
        seed: Seed of the hands.

    Returns:
        The scheme's file.
    """
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    columns = [f"{axis}{i}" for i in range(21) for axis in "xy"]
    lines = [",".join(["image", "split", "subset", *columns])]
    for split, count in splits.items():
        for i in range(count):
            picture, points = rendered_hand(rng)
            picture.save(root / f"{split}{i}.png")
            cells = [f"{value:.2f}" for value in points.flatten()]
            lines.append(
                ",".join([f"{split}{i}.png", split, "even" if i % 2 == 0 else "", *cells])
            )
    (root / "landmarks.csv").write_text("\n".join(lines) + "\n")
    (root / "hand21.yaml").write_text(SCHEME)
    return root / "hand21.yaml"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    for split, count in (("train", 200), ("val", 0), ("test", 60)):
        parser.add_argument(f"--{split}", type=int, default=count)
    given = vars(parser.parse_args())
    write_hands(given.pop("root"), given)
