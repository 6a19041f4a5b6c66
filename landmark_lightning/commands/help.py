"""``--help``: what a command does, its groups with their choices, and every setting explained."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from landmark_lightning.config.compose import config_folder, files_of

COLUMN = 34
"""Where the comments begin."""


def help_of(command: str, overrides: Sequence[str]) -> str:
    """The help of a command, its settings as they would be with a command line.

    Raises:
        HydraException: A choice or setting that there is not.
    """
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        composed = compose(command, list(overrides), return_hydra_config=True)
    told, choices = composed.hydra.help, composed.hydra.runtime.choices
    groups = [name for name in choices if "/" not in name and "@" not in name]
    comments = dict(_comments(config_folder() / f"{command}.yaml", ""))
    for group in groups:
        for path in files_of(group, choices[group]):
            above = "" if path.read_text().startswith("# @package _global_") else f"{group}."
            comments |= dict(_comments(path, above))
    lines = [told.header.strip(), "", "Examples:", told.footer.rstrip("\n"), ""]
    if groups:
        lines += ["Groups:", *(f"  {g}={' | '.join(_choices(g))}" for g in sorted(groups)), ""]
    lines.append(
        "All settings (override any of them as name.name=value; --cfg job prints them resolved):"
    )
    content: Any = OmegaConf.to_container(composed)
    del content["hydra"]
    return "\n".join([*lines, *_settings(content, comments, "", 0)])


def _choices(group: str) -> list[str]:
    """The YAML files of a group that can be chosen."""
    return sorted(p.stem for p in (config_folder() / group).glob("*.yaml") if p.stem != "base")


def _settings(content: Any, comments: dict[str, str], above: str, depth: int) -> Iterator[str]:  # noqa: ANN401
    for key, value in content.items():
        name, indent = f"{above}{key}", "  " * depth
        comment = f"# {comments[name]}" if name in comments else ""
        if isinstance(value, dict) and value:
            yield f"{indent}{key}:".ljust(COLUMN if comment else 0) + comment
            yield from _settings(value, comments, f"{name}.", depth + 1)
            continue
        text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
        line = f"{indent}{key}: {text.removesuffix(chr(10)).removesuffix('...').strip()}"
        yield (line.ljust(COLUMN) + (" " if len(line) >= COLUMN else "") + comment).rstrip()


def _comments(path: Path, above: str) -> Iterator[tuple[str, str]]:
    """Dotted name and comment of each setting of a YAML file that has one behind or above it."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()

    def walk(node: yaml.Node | None, above: str) -> Iterator[tuple[str, str]]:
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            at = key.start_mark.line
            _, _, comment = lines[at].partition(" #")
            first = at
            while first > 0 and lines[first - 1].lstrip().startswith("#"):
                first -= 1
            block = [line.strip().lstrip("# ") for line in lines[first:at] if first > 0]
            if words := comment.strip() or " ".join(block):
                yield f"{above}{key.value}", words
            yield from walk(value, f"{above}{key.value}.")

    yield from walk(yaml.compose(text), above)
