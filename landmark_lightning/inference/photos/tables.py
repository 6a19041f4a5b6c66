"""predictions.csv and predictions.jsonl: the faces that were found, for other programs."""

import csv
import json
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from landmark_lightning.inference.detector import REJECTED, Landmarks
from landmark_lightning.inference.photos.stream import Moment

CSV, JSONL = "predictions.csv", "predictions.jsonl"
BOX = ("box_x0", "box_y0", "box_x1", "box_y1")


class Tables:
    """Writes both files row by row; they are whole after each photo.

    Args:
        table: The CSV file, open for writing.
        lines: The JSON-lines file, open for writing.
        landmarks: Number of landmarks L.
        video: Whether the faces are those of a video: then rows and lines tell frame and time.
        coverage: Whether the network tells which landmarks are covered.
    """

    def __init__(
        self,
        table: TextIO,
        lines: TextIO,
        landmarks: int,
        video: bool = False,
        coverage: bool = False,
    ) -> None:
        self.coverage = coverage
        self.rows, self.lines = csv.writer(table, lineterminator="\n"), lines
        points = [f"{axis}{i}" for i in range(landmarks) for axis in "xy"]
        kinds = ("error", "bound", "kept", *["covered"] * coverage)
        names = [f"{kind}{i}" for kind in kinds for i in range(landmarks)]
        place = ["image", "face", *(["frame", "time"] if video else [])]
        self.rows.writerow([*place, *BOX, "validity", "rejected", *points, *names])

    def add(self, name: str, faces: Landmarks, moment: Moment | None = None) -> None:
        """Adds the faces of a photo, or of a video's frame: a row each, and a line for all."""
        told = []
        when = {} if moment is None else {"frame": moment.frame, "time": round(moment.time, 4)}
        for f in range(len(faces)):
            rejected = bool(faces.validity[f] < REJECTED)
            points = faces.points[f].round(2).tolist()
            row: dict[str, Any] = {
                "face": f if moment is None else int(moment.numbers[f]),
                "box": faces.box[f].round(2).tolist(),
                "validity": _number(faces.validity[f], 4),
                "rejected": rejected,
                "points": points,
                "predicted_error": [_number(value) for value in faces.predicted_error[f]],
                "bound": [_number(value) for value in faces.bound[f]],
                "kept": faces.kept[f].tolist(),
            }
            if self.coverage:
                row["covered"] = [_number(value, 3) for value in faces.covered[f]]
            told.append(row)
            cells = [*row["box"], row["validity"], int(rejected), *(v for p in points for v in p)]
            cells += [*row["predicted_error"], *row["bound"], *(int(k) for k in row["kept"])]
            cells += row.get("covered", [])
            written = name.encode(errors="backslashreplace").decode()
            place = [written, row["face"], *when.values()]
            self.rows.writerow([*place, *("" if cell is None else cell for cell in cells)])
        json.dump({"image": name, **when, "faces": told}, self.lines, allow_nan=False)
        self.lines.write("\n")


def _number(value: np.float64, digits: int = 2) -> float | None:
    """A number for a table; None for one that was not measured."""
    return round(float(value), digits) if np.isfinite(value) else None


def paths(folder: Path) -> tuple[Path, Path]:
    """The two files in a folder."""
    return folder / CSV, folder / JSONL
