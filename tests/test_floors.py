"""The floors of the package: imports point down only, no circle, no way up hidden in a string."""

import ast
import re
import warnings
from pathlib import Path

import pytest

import landmark_lightning

PACKAGE = Path(landmark_lightning.__file__).parent
FLOORS = (
    ("",),  # the files beside the rooms
    ("config",),
    ("datasets", "samplers", "metrics"),
    ("loading", "runs"),
    ("model", "plots"),
    ("inference", "inspection", "report"),
    ("training",),
    ("commands",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
ABOVE_ALL = ("landmark_lightning", "landmark_lightning.__main__")
"""What may name any room: the public names, and what lists the commands."""
PATH = re.compile(r"landmark_lightning(?:\.[a-z_0-9]+)+")
MOST_LINES, MOST_FILES = 300, 12


def modules(package: Path) -> dict[str, Path]:
    """Dotted names of a package's modules."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room(module: str) -> str:
    """The room of landmark_lightning.<room>.<module>; empty for a file beside the rooms."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOOR else ""


def named(path: Path, known: dict[str, Path], strings: bool = True) -> set[str]:
    """Modules of the package that a file imports, or names in a string as a path to load."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else str(node.module))
        elif strings and isinstance(node, ast.Constant) and isinstance(node.value, str):
            for text in PATH.findall(node.value):
                parts = text.split(".")
                found |= {".".join(parts[:k]) for k in range(2, len(parts) + 1)} & known.keys()
    return {name for name in found if name.split(".")[0] == "landmark_lightning"}


def ways_up(package: Path) -> list[str]:
    """What a module names that lies no lower than its own room."""
    known = modules(package)
    return [
        f"{name} names {other}"
        for name, path in known.items()
        if name not in ABOVE_ALL
        for other in sorted(named(path, known))
        if other in known and room(other) != room(name) and FLOOR[room(other)] >= FLOOR[room(name)]
    ]


def circles(package: Path) -> list[str]:
    """Modules that import themselves by way of others; a process may start another like it."""
    known = modules(package)
    graph = {
        n: named(p, known, strings=False) - {n} for n, p in known.items() if n not in ABOVE_ALL
    }
    done: set[str] = set()
    found = []

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            found.append(" -> ".join((*above[above.index(name) :], name)))
        elif name not in done:
            for below in sorted(graph.get(name, ())):
                visit(below, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())
    return found


def test_modules_name_only_what_lies_below() -> None:
    assert ways_up(PACKAGE) == []


def test_no_circles() -> None:
    assert circles(PACKAGE) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("from landmark_lightning.training.fit import train", "way"),
        ("def f():\n    import landmark_lightning.plots.faces", "way"),
        ("FIT = 'landmark_lightning.training.fit:train'", "way"),
        ("from landmark_lightning.samplers import sums", "way"),
        ("from landmark_lightning.datasets.facefile import FaceFile", "circle"),
    ],
    ids=["up", "up within a function", "hidden in a string", "to the next room", "in a circle"],
)
def test_a_wrong_import_is_found(tmp_path: Path, text: str, told: str) -> None:
    package = tmp_path / "landmark_lightning"
    for name, content in {
        "datasets/face.py": text,
        "datasets/facefile.py": "import landmark_lightning.datasets.face",
        "plots/faces.py": "",
        "samplers/sums.py": "",
        "training/fit.py": "",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(content)
    assert len(ways_up(package)) == (told == "way")
    assert bool(circles(package)) == (told == "circle")


def test_every_room_is_known_and_has_a_map() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == FLOOR.keys() - {""}
    for path in PACKAGE.rglob("__init__.py"):
        told = ast.get_docstring(ast.parse(path.read_text())) or ""
        for module in path.parent.glob("[a-z]*.py"):
            if path.parent != PACKAGE and path.parent.name != "trees":
                assert f"``{module.stem}``" in told, f"{path} does not name {module.name}"


def test_no_room_is_a_drawer() -> None:
    for path in modules(PACKAGE).values():
        assert path.stem not in ("utils", "helpers", "core", "base", "common", "misc"), path


def test_large_rooms_are_named() -> None:
    """A sign, not a law: no thought is split to obey it."""
    for path in modules(PACKAGE).values():
        if (lines := len(path.read_text().splitlines())) > MOST_LINES:
            warnings.warn(f"{path} has {lines} lines", stacklevel=1)
    for folder in {path.parent for path in modules(PACKAGE).values()}:
        if (files := len(list(folder.glob("[a-z]*.py")))) > MOST_FILES:
            warnings.warn(f"{folder} has {files} files", stacklevel=1)
