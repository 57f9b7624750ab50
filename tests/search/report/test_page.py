"""The report as text: what stands in it, that nothing of a run becomes markup, and that it stays small."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import dsl
import search
from dsl.export import EXPORTERS
from search import Result, report
from search.cli import main
from search.evaluator import Evaluation
from search.journal import Child, Journal, Reader
from search.report.run import commands_block
from search.summary import verdict
from search.verdict import verdicts
from tests.search.report.hostile import HOSTILE, fill

SECTIONS = ["run", "winner", "funnel", "fitness", "cache", "pareto", "lineage", "curves", "failures", "mutations"]
SECTIONS += ["configuration", "machine", "again"]


class Read(HTMLParser):
    """A page: its elements, the attributes of each, and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        """Of an attribute, wherever it is."""
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]


@pytest.fixture(scope="module")
def page(several: Result) -> str:
    return report(several)


def test_the_sections_stand_in_their_order_and_the_links_lead_to_them(page):
    read = Read(page)
    assert [attributes["id"] for tag, attributes in read.elements if tag == "section"] == SECTIONS
    links = [href for href in read.values("href") if href.startswith("#") and "-" not in href]
    assert links == ["#main", *(f"#{name}" for name in SECTIONS)]
    assert [tag for tag, _ in read.elements].count("h1") == 1


def test_every_reference_in_the_page_has_its_one_element(page):
    read = Read(page)
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    referred = [href[1:] for href in read.values("href") if href.startswith("#")]
    referred += re.findall(r"url\(#([^)]+)\)", page) + read.values("data-copies")
    referred += [*read.values("aria-labelledby"), *read.values("aria-describedby")]
    assert set(referred) <= set(ids)


def test_nothing_is_loaded(page):
    read = Read(page)
    assert not {"src", "srcset", "action", "style", "background"} & {a for _, given in read.elements for a in given}
    assert not {"img", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in read.elements}
    assert [href for href in read.values("href") if not href.startswith("#")] == ["data:,"]
    assert "@import" not in page and not re.findall(r"url\((?!#)", page)
    assert "default-src 'none'" in page and "unsafe" not in page


def test_the_page_has_the_figures_of_the_run(page, several):
    text = " ".join(Read(page).text.split())
    totals = several.totals
    assert f"made {totals.generated:,} children" in text and f"trained {totals.trained:,} of them" in text
    assert several.digest() in text and f"The winner, child {several.winner_key}" in text
    assert all(name in text for name in ("search-1", "search-2", "restart-1", "Quadratic x1", "Scaled x1"))


def test_the_page_the_summary_and_show_say_the_same_of_the_winner(page, several, capsys):
    said = verdicts(several)
    assert len(said) == 2 * len(several.stages) and all(name in " ".join(said) for name in ("AdamW", "Lion"))
    assert all(sentence in Read(page).text for sentence in said)
    assert verdict(several)[1:] == said and "\n".join(said) in search.summary(several)
    assert main(["show", str(several.directory)]) == 0
    assert "\n".join(said) in capsys.readouterr().out


def test_the_page_says_what_the_searches_began_from(page, several):
    began_from = Reader(several.directory / "restart-1").fact("from")
    assert f"children (2 from adamw and restart-1 from child {began_from}) and trained" in Read(page).text
    restart, first = (Read(report(search.load(several.directory / name))).text for name in ("restart-1", "search-1"))
    assert f"children (this restart from child {began_from}) and trained" in restart
    assert "children from adamw and trained" in first


def test_the_page_warns_unfolded_of_gradients_on_which_updates_are_not_finite(page, journal: Journal):
    program = dsl.parse("def train(w, g, m, v, lr):\n  u = arcsin(g)\n  u = u * lr\n  return u, m, v\n")
    journal.record(Child(0, None, None, program, dsl.canonical_hash(program), Evaluation("trained", 0.5, ()), True))
    journal.close()
    warning = "<p>Caution: on normally distributed gradients of standard deviation 1 or 10 its updates"
    assert warning in report(search.load(journal._directory)) and "<p>Caution" not in page


def test_every_export_of_the_winner_is_there_to_copy(page, several):
    read = Read(page)
    simplified = dsl.simplify(several.winner.program)
    assert {f"code-{target}" for target in EXPORTERS} <= set(read.values("data-copies"))
    assert str(simplified).strip() in read.text
    for target in EXPORTERS:
        body = dsl.export(simplified, target).splitlines()[-5:]
        assert "\n".join(body).strip() in read.text


def test_the_same_run_gives_the_same_page_however_its_directory_is_written(page, several, monkeypatch):
    monkeypatch.chdir(several.directory)
    assert report(search.load(several.directory)) == report(search.load(".")) == page


def test_a_chart_has_a_title_a_text_and_its_numbers(page):
    read = Read(page)
    charts = [attributes for tag, attributes in read.elements if tag == "svg"]
    assert len(charts) == 10 and all(chart["role"] == "img" for chart in charts)
    for name in ("fitness", "cache", "pareto", "lineage", "curves"):
        assert f"{name}-told" in read.values("id")
    assert page.count("The data of the chart") == 5


@pytest.fixture(scope="module")
def hostile_page(hostile: Result) -> str:
    return report(hostile)


def test_hostile_text_stays_text(hostile_page):
    read = Read(hostile_page)
    assert [tag for tag, _ in read.elements].count("script") == 1
    assert not {"img", "b"} & {tag for tag, _ in read.elements}
    assert not [name for _, given in read.elements for name in given if name.startswith("on")]
    assert read.text.count(HOSTILE) > 10


def test_a_run_that_has_not_ended_is_reported_as_such_whatever_its_task_is_called(journal: Journal):
    page = report(fill(journal, task="a\udcff\x00b\x1b", ended=False))
    assert page.encode("utf-8")
    text = " ".join(Read(page).text.split())
    assert "It has not ended: there is no winner yet" in text
    assert "The best so far, child 9" in text
    assert "No stage of the funnel has ended yet" in text


def test_a_run_without_a_child_is_reported_as_such(journal: Journal):
    text = " ".join(Read(report(fill(journal, children=0, ended=False))).text.split())
    assert "has no child yet" in text and "No program was trained yet." in text


def test_a_run_of_its_first_program_alone_is_reported_as_such(journal: Journal):
    text = " ".join(Read(report(fill(journal, children=1, ended=False))).text.split())
    assert "and trained 0 of them: the cache answered for 0.0%" in text


def test_a_journal_that_holds_nothing_but_children_is_reported(journal: Journal):
    result = fill(journal)
    again = Journal(result.directory)
    again.forget("config", "baselines", "origin", "seconds", "machines", "stages", "winner")
    again.close()
    text = report(search.load(result.directory))
    assert "The journal does not hold the configuration." in text


def test_a_journal_without_learning_curves_says_so_and_many_improvements_are_a_small_page(journal: Journal):
    result = fill(journal, task="x", children=400)
    again = Journal(result.directory)
    bare = {"losses": [0.5, 0.6], "kind": "trained"}
    again.facts(stages=[{"scale": 1, "seeds": 2, "baselines": {"adamw": bare, "lion": bare}, "scores": {"9": bare}}])
    again.close()
    page = report(search.load(result.directory))
    assert "holds no learning curves of the funnel" in page
    assert len(page.encode()) < 1_000_000


def forgotten(directory: Path, *names: str) -> Result:
    """A run without some of its facts."""
    journal = Journal(directory)
    journal.forget(*names)
    journal.close()
    return search.load(directory)


def test_the_page_says_how_to_compare_digests_where_they_can_be_the_same(journal: Journal, copied: Path):
    said = "the digest above, if it found the same"

    def commands(result: Result) -> str:
        return commands_block(result).text

    mixed = fill(journal, task="x")
    assert said not in commands(mixed) and "The same search comes out" not in report(mixed)
    assert f"optsearch digest again  # {said}" in commands(forgotten(mixed.directory, "mixed"))
    assert f"optsearch digest again --upto 11  # {said}" in commands(forgotten(mixed.directory, "winner"))
    assert said in commands(search.load(copied)) and said in commands(search.load(copied / "search-2"))
    assert said not in commands(search.load(copied / "restart-1"))
    assert said not in commands(forgotten(copied, "winner"))


def test_one_search_of_a_run_is_reported_as_such(several: Result):
    page = report(search.load(several.directory / "search-1"))
    assert "It is one search of a larger run" in page


def test_the_errors_of_a_task_are_shown_once_each(hostile_page):
    read = Read(hostile_page)
    assert {value for value in read.values("id") if value.startswith("error-")} == {f"error-{n}" for n in range(3)}


# The command line.


@pytest.fixture
def copied(several: Result, tmp_path: Path) -> Path:
    """The directory of a run, to be written to."""
    return Path(shutil.copytree(several.directory, tmp_path / "several"))


def test_the_report_is_written_into_the_directory_of_the_run_and_again(copied, page, capsys):
    (copied / "report.html").write_text(page[: len(page) // 2], encoding="utf-8")
    assert main(["report", str(copied)]) == 0
    assert capsys.readouterr().out == f"{copied / 'report.html'}\n"
    assert len((copied / "report.html").read_text(encoding="utf-8")) == pytest.approx(len(page), rel=0.01)


def test_a_figure_is_written_into_the_directory_of_the_run(copied, capsys):
    assert main(["plot", str(copied), "--kind", "fitness"]) == 0
    assert main(["plot", str(copied), "--kind", "fitness", "-o", str(copied / "a.png")]) == 0
    assert (copied / "a.png").read_bytes().startswith(b"\x89PNG")
    assert main(["plot", str(copied), "--kind", "fitness", "--format", "png", "-o", str(copied / "a.svg")]) == 2
    assert main(["plot", str(copied), "--kind", "fitness", "-o", str(copied / "a.jpg")]) == 2
    assert capsys.readouterr().err.count("give another -o") == 2
    assert (copied / "fitness.svg").read_bytes().startswith(b"<?xml")
    asked = ["plot", str(copied), "search-2/0", "--kind", "lineage", "--format", "png", "-o", str(copied / "a")]
    assert main(asked) == 0
    assert (copied / "a").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (
            ["report", "-o", "winner.txt"],
            "winner.txt exists and was not made by this command: give another file with -o",
        ),
        (["plot", "--kind", "cache", "-o", "winner.txt"], "winner.txt does not end in .svg or .png or .pdf"),
        (["report", "-o", "no/report.html"], "no is no directory: make it, or give another file with -o"),
        (["report", "-o", "."], "cannot be written (Is a directory)"),
        (["plot", "search-1/0", "--kind", "cache"], "cache is of the whole run: leave out search-1/0"),
    ],
)
def test_what_cannot_be_written_is_said(copied, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(copied)
    before = (copied / "winner.txt").read_bytes()
    assert main([arguments[0], str(copied), *arguments[1:]]) == 2
    assert said in capsys.readouterr().err
    assert (copied / "winner.txt").read_bytes() == before


def test_a_child_without_a_fitness_has_no_line(journal: Journal, capsys):
    directory = fill(journal).directory
    assert main(["plot", str(directory), "2", "--kind", "lineage"]) == 2
    assert "child 2 has no fitness: name one that trained" in capsys.readouterr().err


def test_a_run_without_a_child_has_no_figures(journal: Journal, capsys):
    directory = fill(journal, children=0, ended=False).directory
    for kind in ("fitness", "lineage"):
        assert main(["plot", str(directory), "--kind", kind]) == 2
        assert "holds no trained program yet: wait until its search has begun" in capsys.readouterr().err


def test_a_worker_does_not_import_what_only_a_report_needs():
    code = "import search.cli, sys; print({'matplotlib', 'jinja2', 'pygments'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
