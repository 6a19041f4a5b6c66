"""What mkdocs can't do alone: pages from files outside of docs/, and notebooks that have run."""

import html
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import ExecutePreprocessor

from tests.made_runs import made_records, write_run

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
}
"""Files of the repository and the pages that show them."""

MATH = re.compile(r":math:<code[^>]*>(.+?)</code>", re.DOTALL)
LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of ``PAGES`` and those of the notebooks."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_linked(text, ROOT / source)))
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for name, content in _shown(notebook):
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads the links of docs/, which are right in the repository, to the pages of the site."""
    path = page.file.abs_src_path
    return _linked(markdown, Path(path)) if path else markdown


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Sets the formulas of docstrings as MathML, which browsers know without a script."""
    return MATH.sub(lambda formula: convert(html.unescape(formula[1])), content)


def _linked(text: str, source: Path) -> str:
    """The text of a file with its links to other files as a page at the top of docs/ has them."""

    def place(link: re.Match[str]) -> str:
        target = (source.parent / link[1]).resolve()
        name = target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) else ""
        return PAGES.get(name, name.removeprefix("docs/")) or link[1]

    return LINK.sub(place, text)


def _shown(path: Path) -> Iterator[tuple[str, str | bytes]]:
    """A notebook after it has run: a page, and the pictures on it."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        if path.stem == "compare_runs":
            notebook.cells.insert(1, nbformat.v4.new_markdown_cell(_runs(Path(folder))))
        ExecutePreprocessor(timeout=300).preprocess(notebook, {"metadata": {"path": folder}})
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    exporter = MarkdownExporter(exclude_input_prompt=True, exclude_output_prompt=True)
    body, found = exporter.from_notebook_node(notebook, {"unique_key": path.stem})
    yield f"{path.stem}.md", body
    yield from found["outputs"].items()


def _runs(folder: Path) -> str:
    """Lets the kernel find finished runs, and says which those are."""
    demo = ROOT / ".demo" / "runs"
    if next(demo.glob("*/*/*/metrics.json"), None):
        os.environ["LANDMARK_RUNS"] = str(demo)
        return "*Shown with the runs of `make demo`.*"
    os.environ["LANDMARK_RUNS"] = str(folder)
    for model, seed in (("non", 0), ("nobb", 0), ("bb", 0), ("bb", 1)):
        write_run(folder, made_records(model=model, seed=seed))
    return (
        "*Shown with made-up runs: their figures mean nothing. After `make demo`, `make docs` "
        "shows the demo's.*"
    )
