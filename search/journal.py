"""The journal of a run: every child in the order of proposal, in one SQLite file that only the driver writes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dsl
from proxy_tasks import Outcome
from search.errors import SearchError
from search.evaluator import Evaluation

SCHEMA_VERSION = 2
FILE_NAME = "journal.sqlite"
SECONDS_BETWEEN_FLUSHES = 1.0

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE children (
  id INTEGER PRIMARY KEY,   -- 0 is the warm-start program
  parent INTEGER,
  mutation TEXT,
  program TEXT NOT NULL,    -- as it was made, redundant statements included
  hash TEXT NOT NULL,
  trained INTEGER NOT NULL  -- the child that was trained for it: itself, or an earlier one of its hash
);
CREATE TABLE evaluations (
  trained INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  fitness REAL,
  outcomes TEXT NOT NULL    -- JSON: one object for each seed
);
CREATE INDEX children_by_hash ON children (hash);
CREATE INDEX evaluations_by_fitness ON evaluations (fitness);
"""


@dataclass(frozen=True)
class Child:
    """A committed child.

    Attributes:
        id: number in the order of proposal; 0 is the warm-start program.
        parent: number of the parent; None for the warm-start program.
        mutation: kind of the mutation that made it.
        program: as it was made, redundant statements included.
        hash: `dsl.canonical_hash` of it.
        evaluation: what became of it.
        new: whether it was trained; False if an earlier child of its hash answers for it.
    """

    id: int
    parent: int | None
    mutation: str | None
    program: dsl.Program
    hash: str
    evaluation: Evaluation
    new: bool


@dataclass(frozen=True)
class Totals:
    """Numbers of children.

    Attributes:
        generated: all of them.
        trained: those that were really trained; the others compute what an earlier one did.
        outcomes: kind of outcome -> number of those that were really trained.
    """

    generated: int
    trained: int
    outcomes: dict[str, int]

    @property
    def cache_hit_rate(self) -> float:
        """Share of the children that computed what an earlier one did."""
        return 1 - self.trained / self.generated if self.generated else 0.0


class Journal:
    """The one writer of a run's journal.

    Args:
        directory: of the run; it must not hold a journal.
    """

    def __init__(self, directory: Path):
        self._file = sqlite3.connect(directory / FILE_NAME, isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.executescript(_SCHEMA)
        self._file.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._file.execute("BEGIN")
        self._flushed = time.monotonic()
        self._trained: dict[str, int] = {}  # hash -> the last child that was trained for it

    def fact(self, name: str, value: Any) -> None:
        """Writes a fact of the run, such as its configuration; `value` is anything JSON holds."""
        self._file.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))
        self.flush()

    def record(self, child: Child) -> None:
        """Commits a child. It is on disk after the next flush: one a second, as long as children come."""
        evaluation = child.evaluation
        if child.new:
            outcomes = json.dumps([asdict(outcome) for outcome in evaluation.outcomes])
            scored = (child.id, evaluation.kind, evaluation.fitness, outcomes)
            self._file.execute("INSERT INTO evaluations VALUES (?, ?, ?, ?)", scored)
            self._trained[child.hash] = child.id
        made = (child.id, child.parent, child.mutation, str(child.program), child.hash, self._trained[child.hash])
        self._file.execute("INSERT INTO children VALUES (?, ?, ?, ?, ?, ?)", made)
        if time.monotonic() - self._flushed > SECONDS_BETWEEN_FLUSHES:
            self.flush()

    def flush(self) -> None:
        """Puts everything recorded so far on disk."""
        self._file.execute("COMMIT")
        self._file.execute("BEGIN")
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Flushes, and ends writing: what remains is one file, which may be read where nothing may be written."""
        self._file.execute("COMMIT")
        with contextlib.suppress(sqlite3.OperationalError):  # somebody is reading: it stays a file with a log beside it
            self._file.execute("PRAGMA journal_mode = DELETE")
        self._file.close()


class Reader:
    """Reads a journal, also while a search writes it.

    Args:
        directory: of the run.

    Raises:
        SearchError: when there is no journal, or one that this version does not read.
    """

    def __init__(self, directory: Path):
        path = directory / FILE_NAME
        if not path.is_file():
            raise SearchError(f"{directory} is not a run: it holds no {FILE_NAME}; `optsearch run CONFIG` makes one")
        self._path = path
        try:
            ((version,),) = self._rows("PRAGMA user_version")
        except sqlite3.DatabaseError as error:
            raise SearchError(f"{path} is not a journal: {error}") from error
        if version != SCHEMA_VERSION:
            raise SearchError(f"{path} has schema {version}, this version of optsearch reads {SCHEMA_VERSION}")

    def _rows(self, query: str, values: tuple = ()) -> Iterator[tuple]:
        """Rows of a query; nothing is held open between queries."""
        with closing(sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True)) as file:
            yield from file.execute(query, values)

    def fact(self, name: str, default: Any = None) -> Any:
        """A fact of the run, or the default."""
        for (value,) in self._rows("SELECT value FROM facts WHERE name = ?", (name,)):
            return json.loads(value)
        return default

    def children(self, where: str = "1", values: tuple = ()) -> Iterator[Child]:
        """Children in order; `where` is a condition on the columns of the table."""
        rows = self._rows(
            "SELECT id, parent, mutation, program, hash, trained = id, kind, fitness, outcomes"
            f" FROM children JOIN evaluations USING (trained) WHERE {where} ORDER BY id",
            values,
        )
        for id, parent, mutation, text, hash, new, kind, fitness, outcomes in rows:
            loaded = tuple(Outcome(**{**o, "curve": tuple(o["curve"])}) for o in json.loads(outcomes))
            evaluation = Evaluation(kind, fitness, loaded)
            yield Child(id, parent, mutation, dsl.parse(text), hash, evaluation, bool(new))

    def child(self, id: int) -> Child:
        """One child by its number."""
        for child in self.children("id = ?", (id,)):
            return child
        ((last,),) = self._rows("SELECT max(id) FROM children")
        known = "the run has none yet" if last is None else f"the run's children are 0 to {last}"
        raise SearchError(f"there is no child {id}: {known}")

    def best(self, count: int) -> list[Child]:
        """The first child of each of the `count` best programs, best first.

        Programs are distinct by hash and by the bits of their losses: what the normal form did not see to be equal,
        but trained to the same numbers with every seed, is listed once.
        """
        rows = self._rows(
            "SELECT min(id) FROM children JOIN evaluations USING (trained) WHERE fitness IS NOT NULL"
            " AND trained IN (SELECT max(trained) FROM children GROUP BY hash)"
            " GROUP BY outcomes ORDER BY fitness, min(id) LIMIT ?",
            (count,),
        )
        return [self.child(id) for (id,) in rows]

    def last_programs(self, count: int) -> list[dsl.Program]:
        """Programs of the last children that trained, as many as `count`."""
        rows = self._rows(
            "SELECT program FROM children JOIN evaluations USING (trained) WHERE fitness IS NOT NULL"
            " ORDER BY id DESC LIMIT ?",
            (count,),
        )
        return [dsl.parse(text) for (text,) in rows]

    def totals(self) -> Totals:
        """Numbers of the children so far; the warm-start program is not one."""
        ((generated,),) = self._rows("SELECT count(*) FROM children WHERE id > 0")
        kinds = self._rows("SELECT kind, count(*) FROM evaluations WHERE trained > 0 GROUP BY kind ORDER BY kind")
        outcomes = dict(kinds)
        return Totals(generated, sum(outcomes.values()), outcomes)

    def digest(self, upto: int | None = None) -> str:
        """Hash over the children in order: parent, mutation, text, hash, outcome, fitness bits; no times.

        Args:
            upto: number of the last child that counts; all of them if None.

        Raises:
            SearchError: when there is no child `upto`.
        """
        if upto is not None:
            self.child(upto)
        digest = hashlib.sha256()
        for *words, fitness in self._rows(
            "SELECT parent, mutation, program, hash, kind, fitness FROM children JOIN evaluations USING (trained)"
            " WHERE id <= ? ORDER BY id",
            (2**63 - 1 if upto is None else upto,),
        ):
            bits = None if fitness is None else float(fitness).hex()
            digest.update(json.dumps([*words, bits]).encode())
        return digest.hexdigest()
