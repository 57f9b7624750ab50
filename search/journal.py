"""The journal of a run: every child in the order of proposal, in one SQLite file that only the driver writes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

import dsl
from proxy_tasks import Outcome
from search.errors import SearchError
from search.evaluator import Evaluation
from search.lock import Lock

SCHEMA_VERSION = 4
FILE_NAME = "journal.sqlite"
SECONDS_BETWEEN_FLUSHES = 1.0

What = TypeVar("What")

COLUMNS: dict[str, type] = {  # of children, for figures (`Result.columns`)
    **dict.fromkeys(("id", "parent"), np.int64),
    "mutation": np.str_,
    **dict.fromkeys(("statements", "live"), np.int64),
    "hash": np.str_,
    "trained": np.bool_,
    "kind": np.str_,
    **dict.fromkeys(("fitness", "seconds"), np.float64),
}

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE children (
  id INTEGER PRIMARY KEY,   -- 0 is the warm-start program
  parent INTEGER,
  mutation TEXT,
  program BLOB NOT NULL,    -- as it was made, redundant statements included; zlib
  statements INTEGER NOT NULL,
  live INTEGER NOT NULL,    -- statements that reach the weights
  hash TEXT NOT NULL,
  trained INTEGER NOT NULL, -- the child that was trained for it: itself, or an earlier one of its hash
  seconds REAL NOT NULL     -- of the search when it was committed, interruptions left out
);
CREATE TABLE evaluations (
  trained INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  fitness REAL,
  outcomes TEXT NOT NULL,   -- JSON: one object for each seed
  seconds REAL NOT NULL,    -- that it took
  worker TEXT NOT NULL,     -- that trained it
  error TEXT NOT NULL       -- traceback of a task error
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

    def __add__(self, other: Totals) -> Totals:
        """Those of two searches."""
        outcomes = dict(sorted((Counter(self.outcomes) + Counter(other.outcomes)).items()))
        return Totals(self.generated + other.generated, self.trained + other.trained, outcomes)

    @property
    def cache_hit_rate(self) -> float:
        """Share of the children that computed what an earlier one did."""
        return 1 - self.trained / self.generated if self.generated else 0.0


class Recorded(NamedTuple):
    """A child as a search that goes on reads it.

    Attributes:
        id: number in the order of proposal, from 1.
        parent: number of the parent.
        mutation: kind of the mutation that made it.
        program: its text.
        hash: of the program.
        evaluation: if it was trained; None if an earlier child of its hash answers for it.
        seconds: of the search when it was committed.
    """

    id: int
    parent: int
    mutation: str
    program: str
    hash: str
    evaluation: Evaluation | None
    seconds: float


class News(NamedTuple):
    """What a journal holds that it did not when it was last looked at.

    Attributes:
        last: number of the last child; -1 while there is none.
        seconds: of the search when it was committed.
        outcomes: kind of outcome -> number of the new ones that were really trained, child 0 left out.
        trained: (id, live statements, fitness) of the new ones that were really trained and have one, in order.
        statements: (all, live) of the new ones that have a fitness, whoever was trained for it, in order.
    """

    last: int
    seconds: float
    outcomes: dict[str, int]
    trained: list[tuple[int, int, float]]
    statements: list[tuple[int, int]]


class Journal:
    """The one writer of a run's journal.

    Args:
        directory: of the run; a journal that is there is gone on with.

    Raises:
        SearchError: while another process writes it, or when it is one that this version does not read.
    """

    def __init__(self, directory: Path):
        self._directory = directory
        self._lock = _locked(directory)
        there = exists(directory)
        try:
            self._trained = Reader(directory).trained() if there else {}  # hash -> the last child trained for it
            self._file = sqlite3.connect(directory / FILE_NAME, isolation_level=None)
            self._begin(new=not there)
        except (SearchError, sqlite3.DatabaseError):
            self._lock.release()
            raise

    def _begin(self, new: bool) -> None:
        try:
            self._file.execute("PRAGMA journal_mode = WAL")
            if new:  # all of it, or nothing: until then there is no journal
                self._file.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT")
            self._file.execute("BEGIN")
            # Of a child that was interrupted between its two rows there may be one.
            self._file.execute("DELETE FROM evaluations WHERE trained > (SELECT ifnull(max(id), -1) FROM children)")
            self.facts(driver=os.getpid())
        except sqlite3.DatabaseError:
            self._file.close()
            raise

    def facts(self, **values: Any) -> None:
        """Writes facts of the run, such as its configuration, all or none; values are what JSON holds."""
        rows = [(name, json.dumps(value)) for name, value in values.items()]
        self._file.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)
        self.flush()

    def forget(self, *names: str) -> None:
        """Removes facts that are no longer true."""
        self._file.executemany("DELETE FROM facts WHERE name = ?", [(name,) for name in names])
        self.flush()

    def record(self, child: Child, seconds: float = 0.0) -> None:
        """Commits a child. It is on disk after the next flush: one a second, as long as children come.

        Args:
            child: to be recorded.
            seconds: of the search until now.
        """
        evaluation = child.evaluation
        if child.new:
            outcomes = json.dumps([vars(outcome) for outcome in evaluation.outcomes])
            error = evaluation.error.encode(errors="replace").decode()  # it may name a path that is not UTF-8
            told = (evaluation.seconds, evaluation.worker, error)
            scored = (child.id, evaluation.kind, evaluation.fitness, outcomes, *told)
            self._file.execute("INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?)", scored)
            self._trained[child.hash] = child.id
        program, trained = zlib.compress(str(child.program).encode()), self._trained[child.hash]
        size = len(child.program), len(dsl.live(child.program))
        made = (child.id, child.parent, child.mutation, program, *size, child.hash, trained, seconds)
        self._file.execute("INSERT INTO children VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", made)
        if time.monotonic() - self._flushed > SECONDS_BETWEEN_FLUSHES:
            self.flush()

    def flush(self) -> None:
        """Puts everything recorded so far on disk."""
        self._file.execute("COMMIT")
        self._file.execute("BEGIN")
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Flushes, and ends writing: what remains is one file, which may be read where nothing may be written."""
        if self._file.in_transaction:  # a full disk has ended it
            self._file.execute("COMMIT")
        with contextlib.suppress(sqlite3.OperationalError):  # somebody is reading: it stays a file with a log beside it
            self._file.execute("PRAGMA journal_mode = DELETE")
        self._file.close()
        self._lock.release()

    def discard(self) -> None:
        """Closes a journal that is worth nothing, and removes it, and the directory if that is then empty."""
        self.close()
        (self._directory / FILE_NAME).unlink()
        with contextlib.suppress(OSError):
            self._directory.rmdir()


class Reader:
    """Reads a journal, also while a search writes it.

    Args:
        directory: of the run.

    Raises:
        SearchError: when there is no journal, or one that this version does not read.
    """

    def __init__(self, directory: Path):
        self._path = path = directory / FILE_NAME
        version = _version(directory)
        if not version:
            raise SearchError(f"{directory} is not a run: it holds no {FILE_NAME}; `optsearch run CONFIG` makes one")
        if version != SCHEMA_VERSION:
            raise SearchError(f"{path} has schema {version}, this version of optsearch reads {SCHEMA_VERSION}")

    def _rows(self, query: str, values: tuple = ()) -> Iterator[tuple]:
        """Rows of a query; nothing is held open between queries."""
        with closing(self._connected()) as file:
            yield from file.execute(query, values)

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True)

    def fact(self, name: str, default: Any = None) -> Any:
        """A fact of the run, or the default."""
        for (value,) in self._rows("SELECT value FROM facts WHERE name = ?", (name,)):
            return json.loads(value)
        return default

    def facts(self) -> dict[str, Any]:
        """All facts of the run."""
        return {name: json.loads(value) for name, value in self._rows("SELECT name, value FROM facts")}

    def news(self, after: int, population: int) -> News:
        """What has come after a child, in milliseconds however long the journal is.

        Args:
            after: number of the last child that is known, -1 for none.
            population: of `News.statements` the last so many.
        """
        with closing(self._connected()) as file:
            file.execute("BEGIN")  # one moment for all of it
            last, seconds = file.execute("SELECT id, seconds FROM children ORDER BY id DESC LIMIT 1").fetchone() or (
                -1,
                0,
            )
            new = {"after": after, "last": last, "population": population}
            kinds = file.execute(
                "SELECT kind, count(*) FROM evaluations WHERE trained > max(:after, 0) AND trained <= :last"
                " GROUP BY kind",
                new,
            )
            trained = file.execute(
                "SELECT trained, (SELECT live FROM children WHERE id = evaluations.trained), fitness FROM evaluations"
                " WHERE trained > :after AND trained <= :last AND fitness IS NOT NULL ORDER BY trained",
                new,
            )
            statements = file.execute(
                "SELECT statements, live FROM children JOIN evaluations USING (trained)"
                " WHERE id > :after AND id <= :last AND fitness IS NOT NULL ORDER BY id DESC LIMIT :population",
                new,
            )
            return News(last, seconds, dict(kinds), trained.fetchall(), statements.fetchall()[::-1])

    def children(self, where: str = "1", values: tuple = ()) -> Iterator[Child]:
        """Children in order; `where` is a condition on the columns of the table."""
        rows = self._rows(
            f"SELECT id, parent, mutation, program, hash, trained = id, {_EVALUATION}"
            f" FROM children JOIN evaluations USING (trained) WHERE {where} ORDER BY id",
            values,
        )
        for id, parent, mutation, program, hash, new, *evaluation in rows:
            yield Child(id, parent, mutation, dsl.parse(_text(program)), hash, _evaluation(*evaluation), bool(new))

    def past(self) -> Iterator[Recorded]:
        """The children from 1 on, in order, for a search that goes on."""
        for id, parent, mutation, program, hash, seconds, kind, *scored in self._rows(
            f"SELECT id, parent, mutation, program, hash, children.seconds, {_EVALUATION}"
            " FROM children LEFT JOIN evaluations ON evaluations.trained = id WHERE id > 0 ORDER BY id"
        ):
            evaluation = _evaluation(kind, *scored) if kind else None
            yield Recorded(id, parent, mutation, _text(program), hash, evaluation, seconds)

    def evaluations(self) -> Iterator[tuple[str, Evaluation]]:
        """(hash, evaluation) of every training."""
        for hash, *evaluation in self._rows(
            f"SELECT hash, {_EVALUATION} FROM evaluations JOIN children ON children.id = evaluations.trained"
        ):
            yield hash, _evaluation(*evaluation)

    def seconds(self) -> float:
        """Of the search until its last child, interruptions left out."""
        ((seconds,),) = self._rows("SELECT max(seconds) FROM children")
        return seconds or 0.0

    def trained(self) -> dict[str, int]:
        """Hash -> the last child that was trained for it."""
        return dict(self._rows("SELECT hash, max(trained) FROM children GROUP BY hash"))

    def has_child(self, id: int) -> bool:
        """Whether a child is committed."""
        return any(True for _ in self._rows("SELECT 1 FROM children WHERE id = ?", (id,)))

    def child(self, id: int) -> Child:
        """One child by its number."""
        for child in self.children("id = ?", (id,)):
            return child
        ((last,),) = self._rows("SELECT max(id) FROM children")
        known = f"{self._path.parent} has {'none yet' if last is None else f'0 to {last}'}"
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

    def front(self) -> list[tuple[int, float, int]]:
        """The Pareto front of length against fitness, shortest first: (live statements, fitness, number of child)."""
        return front(
            self._rows(
                "SELECT live, fitness, id FROM evaluations JOIN children ON id = evaluations.trained"
                " WHERE fitness IS NOT NULL ORDER BY id"
            )
        )

    def columns(self) -> dict[str, np.ndarray]:
        """The children in order, a column for each of COLUMNS; of numbers NaN or -1, of text "" where there is none."""
        rows = self._rows(
            "SELECT id, ifnull(parent, -1), ifnull(mutation, ''), statements, live, hash, trained = id, kind, fitness,"
            " children.seconds FROM children JOIN evaluations USING (trained) ORDER BY id"
        )
        columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
        return {name: np.array(column, type) for (name, type), column in zip(COLUMNS.items(), columns, strict=True)}

    def line(self, id: int) -> list[Child]:
        """The ancestors of a child and itself, the first program first."""
        line = self.children(
            "id IN (WITH RECURSIVE line (id) AS (SELECT ? UNION ALL SELECT parent FROM children JOIN line USING (id)"
            " WHERE parent IS NOT NULL) SELECT id FROM line)",
            (id,),
        )
        return list(line) or [self.child(id)]  # that raises

    def offspring(self, id: int) -> int:
        """Number of the children that were made from one."""
        ((count,),) = self._rows("SELECT count(*) FROM children WHERE parent = ?", (id,))
        return count

    def of_hash(self, hash: str) -> int:
        """Number of the children that compute the same."""
        ((count,),) = self._rows("SELECT count(*) FROM children WHERE hash = ?", (hash,))
        return count

    def statements(self, count: int) -> tuple[int, int]:
        """Statements of the last `count` children that trained: (all, those that reach the weights)."""
        ((statements, live),) = self._rows(
            "SELECT sum(statements), sum(live) FROM (SELECT statements, live FROM children"
            " JOIN evaluations USING (trained) WHERE fitness IS NOT NULL ORDER BY id DESC LIMIT ?)",
            (count,),
        )
        return statements or 0, live or 0

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
        for parent, mutation, program, hash, kind, fitness in self._rows(
            "SELECT parent, mutation, program, hash, kind, fitness FROM children JOIN evaluations USING (trained)"
            " WHERE id <= ? ORDER BY id",
            (2**63 - 1 if upto is None else upto,),
        ):
            bits = None if fitness is None else float(fitness).hex()
            digest.update(json.dumps([parent, mutation, _text(program), hash, kind, bits]).encode())
        return digest.hexdigest()


def front(rows: Iterable[tuple[int, float, What]]) -> list[tuple[int, float, What]]:
    """Those of (length, fitness, what has them) that are better than all that are as short, shortest first."""
    kept: list[tuple[int, float, What]] = []
    for row in sorted(rows, key=lambda row: row[:2]):  # of equals the first
        if not kept or row[1] < kept[-1][1]:
            kept.append(row)
    return kept


def exists(directory: Path) -> bool:
    """Whether a directory holds a journal; one that was not made to the end is none."""
    return _version(directory) != 0


def _version(directory: Path) -> int:
    """Of the schema of a directory's journal; 0 if there is none."""
    path = directory / FILE_NAME
    if not path.is_file():
        return 0
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
            return file.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise SearchError(f"{path} is not a journal: {error}") from error


def _locked(directory: Path) -> Lock:
    try:
        return Lock(directory)
    except BlockingIOError:
        driver = Reader(directory).fact("driver")
        raise SearchError(
            f"{directory} is being written by process {driver}: wait until it has ended, or end it with kill {driver}"
        ) from None


_EVALUATION = "kind, fitness, outcomes, evaluations.seconds, worker, error"  # the columns that `_evaluation` takes


def _evaluation(kind: str, fitness: float | None, outcomes: str, *told: Any) -> Evaluation:
    loaded = tuple(Outcome(**{**o, "curve": tuple(o["curve"])}) for o in json.loads(outcomes))
    return Evaluation(kind, fitness, loaded, *told)


def _text(program: bytes) -> str:
    return zlib.decompress(program).decode()
