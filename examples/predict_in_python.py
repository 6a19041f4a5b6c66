"""Finds the landmarks of the faces in photos, and says which of them to trust.

    python predict_in_python.py runs/synthetic/bb/seed0 photo.jpg other.png

The run may also be a checkpoint or an ONNX file of landmark-export. Where the faces are a detector
finds out (``pip install 'landmark-lightning[detect]'``); give ``boxes=`` where you know it.
"""

import sys

import numpy as np

import landmark_lightning as ll


def main(run: str, *photos: str) -> None:
    """Predicts photos and prints the least certain landmarks of each face."""
    detector = ll.LandmarkDetector.load(run)
    names = detector.card.scheme.get("names") or range(detector.card.landmarks)
    found = detector(photos)  # files, bytes, Pillow's images or arrays; one or several
    for face in range(len(found)):
        photo, kept = photos[found.image[face]], int(found.kept[face].sum())
        print(f"{photo}: validity {found.validity[face]:.2f}, {kept} landmarks to trust")
        for landmark in np.argsort(-found.predicted_error[face])[:3]:
            x, y = found.points[face, landmark]
            error, bound = found.predicted_error[face, landmark], found.bound[face, landmark]
            print(
                f"  {names[landmark]} at ({x:.1f}, {y:.1f}): expect {error:.1f} px of error, "
                f"at most {bound:.1f} px with {100 * detector.coverage:g}%"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
