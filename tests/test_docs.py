"""The pages: their links lead somewhere, the site has all of them, their commands are right."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir

import landmark_lightning
from landmark_lightning.config.command_schemas import COMMANDS
from landmark_lightning.config.compose import config_folder, settings_of
from landmark_lightning.config.typed_paths import as_typed

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FROM_ROOT = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/RESULTS.md"}
MADE = {"index", "contributing", "changelog", "benchmarks"}
"""Pages that docs/hooks.py makes of the files above."""

TEXTS = [ROOT / name for name in sorted(FROM_ROOT)] + sorted(DOCS.glob("*.md"))
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")


def anchors(path: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_links_lead_to_what_is_there(path: Path) -> None:
    for name, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        target = path.parent / name if name else path
        assert target.exists(), f"{path.name} links to {name}"
        assert not anchor or anchor in anchors(target), f"{path.name} links to {name}#{anchor}"


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_the_site_has_every_page() -> None:
    sections = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = []
    for entry in (entry for section in sections for entry in section.values()):
        pages += [entry] if isinstance(entry, str) else [p for e in entry for p in e.values()]
    notebooks = {f"notebooks/{path.stem}.md" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert sorted(pages) == sorted(
        {f"{name}.md" for name in MADE} | {path.name for path in DOCS.glob("*.md")} | notebooks
    )


def test_the_reference_has_every_public_name() -> None:
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    listed = re.findall(r"^::: landmark_lightning\.(\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(set(dir(landmark_lightning)) - {"__version__"})


def commands() -> set[tuple[str, ...]]:
    """Commands of all code blocks with their settings, but those of a package of one's own."""
    found = set()
    for path in TEXTS:
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            for line in re.findall(r"^landmark-(.*)", block, re.MULTILINE):
                command, *words = shlex.split(line, comments=True)
                if "..." not in words:  # the rest is said elsewhere
                    ours = [w for w in words if "=" in w and "mine." not in w]
                    found.add((command, *ours))
    return found


@pytest.mark.slow
def test_settings_are_right() -> None:
    found = commands()
    assert {command for command, *_ in found} == set(COMMANDS)
    for command, *settings in found:
        ours = [s for s in settings if not s.startswith(("hydra.", "launcher="))]
        swept = [s if "[" in s else s.split(",")[0] for s in ours]  # the first value of each
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            composed = compose(command, as_typed(swept), return_hydra_config=True)
        settings_of(command, composed, composed.hydra)
