import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from landmark_lightning.report.formats import CSV_HEADINGS, csv_tables, markdown_table, render
from landmark_lightning.report.table import Entry, Table

TABLE = Table(
    name="table_5",
    title="Ours & theirs: 50%",
    headings=["Discard", "Method", "Full", "Pose"],
    rows=[
        ["10%", "B_B|x", Entry([1.0, 2.0], printed=1.3), Entry([0.5])],
        ["20%", "*LAB <b>", Entry(printed=16.66), Entry([None])],
    ],
    metric="NME inter_pupil (%)",
    notes=["$5 off, ~all {of} it \\ #1 ^"],
    labels=2,
)


def test_markdown_can_t_be_broken_by_text() -> None:
    lines = markdown_table(TABLE).splitlines()
    assert lines[0] == "**Ours & theirs: 50%. NME inter_pupil (%)**"
    assert lines[2] == "| Discard | Method | Full | Pose |"
    assert lines[3] == "| --- | --- | ---: | ---: |"
    assert lines[4] == "| 10% | B_B\\|x | 1.50 ± 0.71 (1.30) | 0.50 |"
    assert lines[5] == "| 20% | \\*LAB \\<b> | (16.66) | - |"
    assert lines[7] == "- In brackets: as the paper prints it."


def test_csv_is_long_and_unrounded() -> None:
    rows = list(csv.reader(io.StringIO(csv_tables([TABLE]))))
    assert tuple(rows[0]) == CSV_HEADINGS
    pupil = "NME inter_pupil (%)"
    assert rows[1][:4] == ["table_5", "10%, B_B|x", f"Full, {pupil}", "1.5"]
    assert abs(float(rows[1][4]) - 0.5**0.5) < 1e-9
    assert rows[1][5:] == ["2", "1.3", "", ""]
    assert rows[2][3:] == ["0.5", "", "1", "", "", ""]
    assert rows[3] == ["table_5", "20%, *LAB <b>", f"Full, {pupil}", "", "", "", "16.66", "", ""]
    assert rows[4][3:] == ["", "", "1", "", "", ""]


def test_tex_is_balanced_and_escaped() -> None:
    text = render("tables.tex", tables=[TABLE, TABLE])
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    for begin, end in ((r"\begin{table}", r"\end{table}"), (r"\toprule", r"\bottomrule")):
        assert body.count(begin) == body.count(end) == 2
    bare = re.sub(r"\\[{}]", "", body)
    assert bare.count("{") == bare.count("}")
    assert r"\caption{Ours \& theirs: 50\%}" in body
    assert r"\begin{tabular}{llrr}" in body
    assert r"& & \multicolumn{2}{c}{NME inter\_pupil (\%)} \\" in body
    assert r"10\% & B\_B\textbar{}x & 1.50 $\pm$ 0.71 (1.30) & 0.50 \\" in body
    assert r"\$5 off, \textasciitilde{}all \{of\} it \textbackslash{} \#1" in body
    for row in re.findall(r"^(.*) \\\\$", body, re.MULTILINE):
        columns = len(re.findall(r"(?<!\\)&", row)) + 1 + ("multicolumn" in row)
        assert columns == 4, row


def test_a_row_that_begins_with_a_star_is_not_an_option_of_the_line_above() -> None:
    starred = Table("t", "t", ["a", "b"], [["*LAB", Entry([1.0])], ["[x]", Entry([1.0])]])
    lines = render("tables.tex", tables=[starred]).splitlines()
    assert r"{}*LAB & 1.00 \\" in lines
    assert r"{}[x] & 1.00 \\" in lines


def test_a_table_of_the_paper_has_one_number_of_its_own_in_tex() -> None:
    of_paper = Table("table4", "Table 4: WFLW & others", ["a", "b"], [["x", Entry([1.0])]])
    text = render("tables.tex", tables=[of_paper])
    assert r"\caption{WFLW \& others (the paper's Table 4)}" in text
    assert markdown_table(of_paper).startswith("**Table 4: WFLW & others**")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_latex_takes_the_file(tmp_path: Path) -> None:
    starred = Table("t", "Table 1: [all]", ["a", "b"], [["*LAB", Entry([1.0, 2.0])], ["[x]", "-"]])
    (tmp_path / "tables.tex").write_text(render("tables.tex", tables=[TABLE, starred]))
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs}\usepackage{graphicx}"
        r"\usepackage[T1]{fontenc}\begin{document}\input{tables}\end{document}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")
    log = (tmp_path / "paper.log").read_text(errors="replace")
    assert "Overfull" not in log
    assert (tmp_path / "paper.pdf").stat().st_size > 5000
