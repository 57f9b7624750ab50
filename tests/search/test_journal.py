"""The journal: what is recorded can be read back, also while it is written, and a digest tells two runs apart."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import dsl
import search
from proxy_tasks import NON_FINITE, STOPPED_EARLY, TRAINED, Outcome
from search.errors import SearchError
from search.evaluator import Evaluation
from search.journal import FILE_NAME, Child, Journal, Reader, Totals, exists
from search.result import redundancy

ADAMW, LION, SGD = (dsl.optimizers[name] for name in ("adamw", "lion", "sgd"))


def trained(*losses: float) -> Evaluation:
    outcomes = tuple(Outcome(TRAINED, loss, (3.0, 2.0, 1.0, loss), 200) for loss in losses)
    return Evaluation(TRAINED, sum(losses) / len(losses), outcomes)


STOPPED = Evaluation(STOPPED_EARLY, None, (Outcome(STOPPED_EARLY, None, (3.3,), 20),))
DIVERGED = Evaluation(NON_FINITE, None, (Outcome(TRAINED, 0.5, (), 200), Outcome(NON_FINITE, None, (), 2)))

CHILDREN = [
    Child(0, None, None, ADAMW, "aa", trained(0.1, 1 / 3, 5e-324), new=True),
    Child(1, 0, "insert", LION, "bb", STOPPED, new=True),
    Child(2, 0, "delete", dsl.known("lion", beta1=0.1), "cc", trained(0.05), new=True),
    Child(3, 0, "modify", SGD, "aa", trained(0.1, 1 / 3, 5e-324), new=False),
    Child(4, 2, "insert", dsl.optimizers["lion_raw"], "dd", DIVERGED, new=True),
    Child(5, 2, "modify", SGD, "ee", trained(0.01), new=True),
    Child(6, 5, "modify", ADAMW, "cc", trained(0.05), new=False),
]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path)
    yield made
    made.close()


def written(directory: Path, children: list[Child]) -> Reader:
    directory.mkdir(exist_ok=True)
    made = Journal(directory)
    for child in children:
        made.record(child)
    made.close()
    return Reader(directory)


# Reading what was written.


def test_children_are_read_as_they_were_recorded(tmp_path):
    reader = written(tmp_path, CHILDREN)
    assert list(reader.children()) == CHILDREN
    assert [reader.child(id) for id in (4, 0)] == [CHILDREN[4], CHILDREN[0]]


def test_an_error_that_names_a_path_that_is_not_utf_8_is_recorded(tmp_path):
    failed = Evaluation("task error", None, (), error="in a\udcff.py")
    reader = written(tmp_path, [Child(0, None, None, ADAMW, "aa", failed, new=True)])
    assert reader.child(0).evaluation.error == "in a?.py"


def test_facts_are_read_as_they_were_written_last(journal, tmp_path):
    journal.facts(seconds={"tune": 1.5})
    journal.facts(seconds={"tune": 1.5, "evolve": [1, None]})
    reader = Reader(tmp_path)
    assert reader.fact("seconds") == {"tune": 1.5, "evolve": [1, None]}
    assert reader.fact("winner") is None and reader.fact("winner", 7) == 7


def test_a_journal_is_read_while_it_is_written(journal, tmp_path):
    reader = Reader(tmp_path)
    assert reader.totals() == Totals(0, 0, {}) and reader.best(3) == []
    for count, child in enumerate(CHILDREN, start=1):
        journal.record(child)
        journal.flush()
        assert list(reader.children()) == CHILDREN[:count]


def test_children_get_to_the_disk_now_and_then_on_their_own(journal, tmp_path, monkeypatch):
    journal.record(CHILDREN[0])
    monkeypatch.setattr("search.journal.SECONDS_BETWEEN_FLUSHES", 0.0)
    journal.record(CHILDREN[1])
    assert list(Reader(tmp_path).children()) == CHILDREN[:2]


def test_what_was_flushed_survives_the_death_of_the_writer(tmp_path):
    code = f"""
import os, pathlib, dsl
from search.evaluator import Evaluation
from search.journal import Child, Journal
journal = Journal(pathlib.Path({str(tmp_path)!r}))
for id in range(5):
    journal.record(Child(id, None, None, dsl.optimizers["sgd"], str(id), Evaluation("trained", 1.0, ()), True))
    if id == 2:
        journal.flush()
os._exit(1)
"""
    root = Path(search.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 1
    assert [child.id for child in Reader(tmp_path).children()] == [0, 1, 2]


def test_a_finished_journal_stays_one_file_when_it_is_read(tmp_path):
    assert list(written(tmp_path, CHILDREN).children()) == CHILDREN
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_journal_that_is_being_read_when_its_search_ends_is_whole(tmp_path):
    made = Journal(tmp_path)
    for child in CHILDREN:
        made.record(child)
    made.flush()
    children = Reader(tmp_path).children()
    first = next(children)
    made.close()
    assert [first, *children] == list(Reader(tmp_path).children()) == CHILDREN


# What is made of it.


def test_the_best_are_distinct_programs_that_trained_best_first(tmp_path):
    reader = written(tmp_path, CHILDREN)
    assert [child.id for child in reader.best(10)] == [5, 2, 0]
    assert reader.best(2) == [CHILDREN[5], CHILDREN[2]]


def test_programs_that_trained_to_the_same_bits_are_listed_once(tmp_path):
    twin = Child(7, 0, "insert", LION, "ff", trained(0.01), new=True)
    near = Child(8, 0, "insert", LION, "gg", trained(0.010000000000000002), new=True)
    reader = written(tmp_path, [*CHILDREN, twin, near])
    assert [child.id for child in reader.best(10)] == [5, 8, 2, 0]


def test_of_a_program_that_was_trained_twice_the_last_evaluation_is_listed_and_each_child_keeps_its_own(tmp_path):
    again = [
        Child(7, 0, "insert", LION, "bb", trained(0.03), new=True),
        Child(8, 0, "insert", SGD, "bb", trained(0.03), new=False),
    ]
    reader = written(tmp_path, [*CHILDREN, *again])
    assert list(reader.children()) == [*CHILDREN, *again]
    assert [child.id for child in reader.best(10)] == [5, 7, 2, 0]
    assert reader.totals().trained == 5


def test_totals_count_children_and_not_the_warm_start(tmp_path):
    totals = written(tmp_path, CHILDREN).totals()
    assert totals == Totals(6, 4, {NON_FINITE: 1, STOPPED_EARLY: 1, TRAINED: 2})
    assert totals.cache_hit_rate == pytest.approx(1 / 3)
    assert Totals(0, 0, {}).cache_hit_rate == 0


def test_redundancy_is_the_share_of_dead_statements_among_the_last_that_trained(tmp_path):
    half = dsl.parse("def train(w, g, lr):\n  a = g * 2.0\n  b = g * 2.0\n  return a")
    whole = dsl.parse("def train(w, g, lr):\n  a = g * 2.0\n  b = a + g\n  return b")
    children = [
        Child(0, None, None, ADAMW, "aa", trained(1.0), new=True),
        Child(1, 0, "insert", half, "bb", trained(2.0), new=True),
        Child(2, 0, "insert", half, "bb", trained(2.0), new=False),
        Child(3, 0, "insert", LION, "cc", STOPPED, new=True),
        Child(4, 0, "insert", whole, "dd", trained(3.0), new=True),
    ]
    reader = written(tmp_path, children)
    assert redundancy([reader], 1) == 0
    assert redundancy([reader], 2) == pytest.approx(1 / 4)
    assert redundancy([reader], 3) == pytest.approx(2 / 6)
    assert redundancy([written(tmp_path / "empty", [])], 3) == 0


def test_the_front_has_each_program_that_is_better_than_all_that_are_as_short(tmp_path):
    length = {id: len(dsl.live(child.program)) for id, child in enumerate(CHILDREN)}
    assert length[5] < length[2] < length[0]
    assert written(tmp_path / "a", CHILDREN).front() == [(length[5], trained(0.01).fitness, 5)]
    slower = [replace(child, evaluation=trained(0.06)) if child.id == 5 else child for child in CHILDREN]
    twin = replace(CHILDREN[2], id=7, hash="ff", evaluation=trained(0.05))
    rows = written(tmp_path / "b", [*slower, twin]).front()
    assert rows == [(length[5], 0.06, 5), (length[2], 0.05, 2)]


def test_the_line_of_a_child_is_its_ancestors_and_itself(tmp_path):
    reader = written(tmp_path, CHILDREN)
    assert reader.line(6) == [CHILDREN[0], CHILDREN[2], CHILDREN[5], CHILDREN[6]]
    assert reader.line(0) == CHILDREN[:1]
    with pytest.raises(SearchError, match="there is no child 7"):
        reader.line(7)


# The digest.


def test_the_digest_is_a_function_of_the_children_alone(tmp_path):
    reader = written(tmp_path / "a", CHILDREN)
    (tmp_path / "b").mkdir()
    other = Journal(tmp_path / "b")
    other.facts(seconds={"evolve": 3.0})
    for child in CHILDREN:
        other.record(child)
        other.flush()
    other.close()
    assert Reader(tmp_path / "b").digest() == reader.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"parent": 1},
        {"mutation": "delete"},
        {"program": ADAMW},
        {"hash": "ff"},
        {"evaluation": STOPPED},
        {"evaluation": DIVERGED},
        {"evaluation": trained(0.010000000000000002)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_a_child_is_in_the_digest(tmp_path, change):
    children = [replace(child, **change) if child.id == 5 else child for child in CHILDREN]
    assert written(tmp_path / "a", CHILDREN).digest() != written(tmp_path / "b", children).digest()


def test_the_digest_of_the_first_children_is_that_of_a_run_that_ended_there(tmp_path):
    whole, prefix = written(tmp_path / "whole", CHILDREN), written(tmp_path / "prefix", CHILDREN[:5])
    assert whole.digest(upto=4) == prefix.digest() != whole.digest()
    assert whole.digest(upto=6) == whole.digest()


# What is no journal, or not what was asked for.


@pytest.mark.parametrize("id", [7, -1])
def test_a_child_that_does_not_exist_is_answered_with_those_that_do(tmp_path, id):
    reader = written(tmp_path, CHILDREN)
    with pytest.raises(SearchError, match=f"^there is no child {id}: {tmp_path} has 0 to 6$"):
        reader.child(id)


def test_the_digest_of_children_that_do_not_exist_is_an_error(tmp_path):
    with pytest.raises(SearchError, match="there is no child 9"):
        written(tmp_path, CHILDREN).digest(upto=9)


def test_a_child_of_a_run_without_children_is_an_error_in_words(tmp_path):
    with pytest.raises(SearchError, match=f"there is no child 0: {tmp_path} has none yet"):
        written(tmp_path, []).child(0)


@pytest.mark.parametrize("place", ["", "nowhere", FILE_NAME])
def test_a_directory_without_a_journal_is_no_run(tmp_path, place):
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(SearchError, match=f"is not a run: it holds no {FILE_NAME}; .optsearch run CONFIG. makes one$"):
        Reader(tmp_path / place)


@pytest.mark.parametrize("content", [b"no database", b"x" * 5000, b"\x00" * 200])
def test_a_file_that_is_no_database_is_no_journal(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(SearchError, match=f"^{tmp_path}/{FILE_NAME} is not a journal: file is not a database$"):
        Reader(tmp_path)


def test_a_journal_of_another_schema_is_refused(tmp_path):
    written(tmp_path, CHILDREN)
    file = sqlite3.connect(tmp_path / FILE_NAME)
    file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(SearchError, match="has schema 99, this version of optsearch reads 4$"):
        Reader(tmp_path)


def test_a_journal_that_was_not_made_to_the_end_is_made_anew(tmp_path):
    (tmp_path / FILE_NAME).touch()
    assert not exists(tmp_path)
    journal = Journal(tmp_path)
    journal.facts(seed=3)
    journal.close()
    assert exists(tmp_path) and Reader(tmp_path).fact("seed") == 3


def test_half_a_child_is_forgotten(tmp_path):
    reader = written(tmp_path, [Child(0, None, None, ADAMW, "aa", trained(1.0), new=True)])
    file = sqlite3.connect(tmp_path / FILE_NAME)
    file.execute("INSERT INTO evaluations SELECT 1, kind, fitness, outcomes, seconds, worker, error FROM evaluations")
    file.commit()
    file.close()
    journal = Journal(tmp_path)
    journal.record(Child(1, 0, "insert", LION, "bb", trained(2.0), new=True))
    journal.close()
    assert [child.evaluation.fitness for child in reader.children()] == [1.0, 2.0]


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / FILE_NAME).touch()
    with pytest.raises(SearchError, match="is not a run"):
        Reader(tmp_path)
