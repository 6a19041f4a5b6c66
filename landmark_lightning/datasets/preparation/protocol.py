"""Protocol: how many faces a dataset must have, so that figures on it compare with others'."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import PurePosixPath

from landmark_lightning.datasets.face import SPLITS, Face, Rejection
from landmark_lightning.errors import UserError

_SHOWN_FOLDERS = 8


@dataclass(frozen=True)
class Protocol:
    """The faces that a dataset must have.

    Attributes:
        train: Number of training faces.
        test: Number of test faces.
        folders: Number of faces by folder of their photos, for every folder, or for none.
        subsets: Reported numbers of test faces by subset; another number is only remarked on.

    Raises:
        UserError: A value that is no number of faces; it is named.
    """

    train: int
    test: int
    folders: Mapping[str, int]
    subsets: Mapping[str, int]

    def __post_init__(self) -> None:
        named: dict[str, object] = {"train": self.train, "test": self.test}
        for group in ("folders", "subsets"):
            value = getattr(self, group)
            if not isinstance(value, Mapping):
                raise UserError(f"protocol.{group}={value!r} must be a mapping of names to counts")
            named |= {f"{group}.{name}": count for name, count in value.items()}
        for name, count in named.items():
            if isinstance(count, bool) or not isinstance(count, int) or count < 0:
                raise UserError(f"protocol.{name}={count!r} must be a whole number")

    @classmethod
    def from_settings(cls, settings: object) -> "Protocol":
        """The protocol of ``dataset.protocol``.

        Raises:
            UserError: It lacks a setting, has one too many or a wrong one.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(settings, Mapping) or set(settings) != names:
            raise UserError(
                f"protocol={settings!r} must name train, test, folders and subsets, or be null"
            )
        return cls(**settings)

    def differences(self, listed: Iterable[Face | Rejection], tolerant: bool = False) -> list[str]:
        """What is missing or surplus, split by split and folder by folder; empty if nothing is.

        Args:
            listed: What the source reads, which can be gone through again. A face that can't be
                used counts as there, unless it is its photo that is missing.
            tolerant: Whether it counts as there even where its photo is missing.
        """
        splits, folders = Counter[str](), Counter[str]()
        for item in listed:
            if isinstance(item, Face) or tolerant or not item.missing:
                splits[item.split] += 1
                folders[_folder(item)] += 1
        messages = [
            f"{split} has {splits[split]:,} faces instead of {expected:,}"
            for split, expected in zip(SPLITS, (self.train, self.test), strict=True)
            if splits[split] != expected
        ]
        if self.folders:
            counts = dict(self.folders) | {f: 0 for f in folders if f not in self.folders}
            messages += [
                f"{folder or 'the root'} has {folders[folder]:,} instead of {count:,}"
                for folder, count in counts.items()
                if folders[folder] != count
            ]
        elif messages:
            messages += list(_by_folder(listed, folders))
        return messages

    def remarks(self, listed: Iterable[Face | Rejection]) -> list[str]:
        """The test subsets that have another number of faces than is reported."""
        test = (item for item in listed if isinstance(item, Face) and item.split == "test")
        subsets = Counter(name for face in test for name in face.subsets)
        return [
            f"subset {name} has {subsets[name]:,} test faces, reported are {count:,}"
            for name, count in self.subsets.items()
            if subsets[name] != count
        ]


def _by_folder(listed: Iterable[Face | Rejection], folders: Mapping[str, int]) -> Iterator[str]:
    """Where faces are missing, or else where there are some."""
    missing = [item for item in listed if isinstance(item, Rejection) and item.missing]
    if missing:
        lacking = Counter(_folder(item) for item in missing)
        for folder, count in lacking.most_common(_SHOWN_FOLDERS):
            first = next(item.photo for item in missing if _folder(item) == folder)
            yield f"{folder} lacks the photos of {count:,} faces, such as {first}"
        shown = len(lacking)
    else:
        shown = len(folders)
        found = sorted(folders.items())[:_SHOWN_FOLDERS]
        yield "there are " + ", ".join(f"{count:,} in {folder}" for folder, count in found)
    if shown > _SHOWN_FOLDERS:
        yield f"and so on in {shown - _SHOWN_FOLDERS} more folders"


def _folder(item: Face | Rejection) -> str:
    """The folder of a face's photo; empty for the root itself or an unknown photo."""
    parent = str(PurePosixPath(item.photo).parent)
    return "" if parent == "." else parent
