"""The floors of the package: imports point down only, and nothing knows a command."""

import ast
from pathlib import Path

import pytest

import landmark_lightning

PACKAGE = Path(landmark_lightning.__file__).parent
MAY_IMPORT = {
    "": {""},
    "data": {"", "data"},
    "evaluation": {"", "evaluation"},
    "learning": {"", "data", "evaluation", "learning"},
    "commands": {"", "data", "evaluation", "learning", "commands"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def _floor(module: str) -> str:
    """The floor of landmark_lightning.<floor>.<module>; empty for the ground floor."""
    parts = module.split(".")[1:]
    return parts[0] if parts and parts[0] in MAY_IMPORT else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_its_floor_and_below(path: Path) -> None:
    name = ".".join(["landmark_lightning", *path.relative_to(PACKAGE).with_suffix("").parts])
    imported = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{name} imports relatively"
            imported += [f"{node.module}.{alias.name}" for alias in node.names]
    own = [module for module in imported if module.split(".")[0] == "landmark_lightning"]
    for module in own:
        assert _floor(module) in MAY_IMPORT[_floor(name)], f"{name} imports {module}"


def test_no_circles() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        graph[name] = {
            node.module.removeprefix("landmark_lightning.")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.startswith("landmark_lightning.")
        }

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        for below in graph.get(name, ()):
            visit(below, (*above, name))

    for name in graph:
        visit(name, ())


def test_no_room_is_too_large_or_a_drawer() -> None:
    for path in MODULES:
        assert len(path.read_text().splitlines()) <= 300, path
        assert path.stem not in ("utils", "helpers", "core", "base", "common", "misc"), path
