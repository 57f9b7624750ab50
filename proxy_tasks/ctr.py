"""Predicting yes or no from columns with many values, as click-through rates are predicted (arXiv 2302.06675).

Text and whole numbers are names: each value has an embedding of its own, and those that are rare share one. Other
numbers are quantities, standardised with the mean and deviation of the training split.

Rows are divided at random, not by time: the last weeks of a year would be scored by embeddings of days that nothing has
trained, and how well these happen to be drawn is no merit of an optimizer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dsl.checker import nearest
from proxy_tasks import datasets
from proxy_tasks.errors import TaskError
from proxy_tasks.model_task import ModelTask, mean_over
from proxy_tasks.models.embedding import EmbeddingPerceptron
from proxy_tasks.randomness import shuffled_batches
from proxy_tasks.settings import Settings, setting
from proxy_tasks.splits import Split
from proxy_tasks.tables import first_text

Rows = dict[str, Any]  # "names": int32 [rows, columns], "quantities": float32 [rows, columns], "y": float32 [rows]


@dataclass(frozen=True)
class CtrSettings(Settings):
    """Settings of embeddings under a perceptron."""

    data: str = setting("flights_small", "a table: a known set, or the path of a csv, npz or parquet file")
    label: str = setting("delayed", "column that is predicted, 0 or 1")
    quantities: str = setting("", "columns of whole numbers that are quantities, not names; spaces between them")
    missing: str = setting("refuse", "what becomes of a table with missing values", choices=("refuse", "drop"))
    train: int = setting(16000, "training rows", 1)
    validation: int = setting(2000, "rows whose loss is the fitness", 1)
    test: int = setting(2000, "rows that no search sees", 1)
    order: int = setting(0, "seed of the order in which the rows are divided", 0)
    rare: int = setting(10, "values of a column in fewer training rows than this share one embedding", 1)
    embedding: int = setting(4, "features of a value", 1)
    width: int = setting(32, "features of a hidden layer", 1)
    layers: int = setting(1, "hidden layers", 0)
    fitness: str = setting("loss", "mean log loss in nats, or 1 - area under the ROC curve", choices=("loss", "auc"))

    @property
    def split(self) -> Split:
        """How the rows are divided."""
        return Split(self.train, self.validation, self.test, self.order)


# The whole year, which scripts/make_data.py fetches.
WHOLE: dict[str, Any] = {"data": "flights", "train": 280_000, "validation": 20_000, "test": 20_000}


class Ctr(ModelTask):
    """`ctr`: whether a flight from New York comes in over 15 minutes late, from what is known before it departs."""

    name = "ctr"
    REVISION = 2
    SCALES = {
        1: CtrSettings(batch=32, steps=1000),
        10: CtrSettings(batch=128, steps=1500, rare=20, embedding=8, width=64, layers=2),
        100: CtrSettings(**WHOLE, batch=128, steps=4000, embedding=16, width=128, layers=2),
        500: CtrSettings(**WHOLE, batch=256, steps=3000, embedding=16, width=256, layers=3),
    }

    def load(self) -> None:
        """The columns as numbers of values and standardised quantities, divided."""
        s, table = self.settings, datasets.table(self.settings.data, self.settings.missing)
        quantities = s.quantities.split()
        for column in (s.label, *quantities):
            if column not in table:
                raise TaskError(
                    f"{self.name}: {s.data} has no column {column!r}{nearest(column, table)}; it has {', '.join(table)}"
                )
        labels = table.pop(s.label)
        rows = s.split.indices(len(labels))
        self._check_labels(labels, rows)
        if not table:
            raise TaskError(f"{self.name}: {s.data} has no column but {s.label}: add some that it is predicted from")
        encoded: dict[str, list[np.ndarray]] = {"names": [], "quantities": []}
        self.values = 0
        for name, column in table.items():
            if name in quantities or column.dtype.kind == "f":
                encoded["quantities"].append(self._standardised(name, column, rows["train"]))
            else:
                numbers, values = _numbered(column, rows["train"], s.rare)
                encoded["names"].append(self.values + numbers)
                self.values += values
        self.columns = len(encoded["names"]), len(encoded["quantities"])
        names, amounts = (np.array(found).reshape(-1, len(labels)).T for found in encoded.values())
        whole = {"names": names.astype(np.int32), "quantities": amounts.astype(np.float32)}
        whole |= {"y": labels.astype(np.float32)}
        self._parts = {part: {key: array[chosen] for key, array in whole.items()} for part, chosen in rows.items()}

    def _check_labels(self, labels: np.ndarray, rows: dict[str, np.ndarray]) -> None:
        s = self.settings
        right = np.isin(labels, (0, 1))
        if not right.all():
            row = int(right.argmin())
            raise TaskError(f"{self.name}: {s.data} has {s.label} = {labels[row]} in row {row}: write 0 or 1")
        for part, chosen in rows.items():
            if len(np.unique(labels[chosen])) == 1:
                raise TaskError(
                    f"{self.name}: {s.label} is {labels[chosen][0]} in all {len(chosen)} rows of the {part} split of"
                    f" {s.data}: take a column that varies for the label, or make the split larger"
                )

    def _standardised(self, name: str, column: np.ndarray, train: np.ndarray) -> np.ndarray:
        """With mean 0 and deviation 1 over the training rows; 0 where these are all alike."""
        text = column.dtype.kind not in "if"
        if text or not np.isfinite(column).all():
            row = first_text(column) if text else int(np.isfinite(column).argmin())
            raise TaskError(
                f"{self.name}: {self.settings.data} has {name} = {column[row]} in row {row}: write a finite number"
                f"{', or take the column out of `quantities`' if text else ''}"
            )
        alike = np.ptp(column[train]) == 0  # whose deviation may be the rounding of their mean
        return np.zeros(len(column)) if alike else (column - column[train].mean()) / column[train].std()

    def sources(self) -> tuple[str, ...]:
        """That of the table."""
        return (datasets.digest(self.settings.data),)

    @property
    def chance(self) -> float:
        """Of a model that knows the share of rows with label 1."""
        share = float(self._parts["validation"]["y"].mean())
        if self.settings.fitness == "auc":
            return 0.5
        return -share * math.log(share) - (1 - share) * math.log(1 - share)

    def model(self, key: jax.Array) -> EmbeddingPerceptron:
        """Embeddings under a perceptron."""
        s = self.settings
        return EmbeddingPerceptron(self.values, s.embedding, *self.columns, (s.width,) * s.layers, key)

    def data(self) -> dict[str, Rows]:
        """{"train": ..., "evaluation": ...}."""
        return {"train": self._parts["train"], "evaluation": self._parts["validation"]}

    def test_data(self) -> dict[str, Rows]:
        """`data()` with the test split as "evaluation"."""
        return {"train": self._parts["train"], "evaluation": self._parts["test"]}

    def batches(self, seed: int) -> np.ndarray:
        """int32 [steps, batch]: indices of training rows."""
        s = self.settings
        return shuffled_batches(seed, s.train, s.batch, s.steps)

    def loss(self, weights: EmbeddingPerceptron, data: dict[str, Rows], batch: jax.Array) -> jax.Array:
        """Mean log loss of the rows that `batch` names, in nats."""
        return _log_loss(weights, jax.tree.map(lambda column: column[batch], data["train"])).mean()

    def evaluate(self, weights: EmbeddingPerceptron, data: dict[str, Rows]) -> jax.Array:
        """The fitness over the whole "evaluation" split."""
        split = data["evaluation"]
        if self.settings.fitness == "auc":
            return 1 - area_under_curve(_logits(weights, split), split["y"])
        return mean_over(lambda part: _log_loss(weights, part), split)


def area_under_curve(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """The share of pairs with labels 0 and 1 in which the latter has the larger logit; ties count half.

    Args:
        logits: [examples].
        labels: [examples], each 0 or 1, and both there.
    """
    ordered = jnp.sort(logits)
    smaller, not_larger = (jnp.searchsorted(ordered, logits, side=side) for side in ("left", "right"))
    ones = labels.sum()
    rank = ((smaller + not_larger) / 2 * labels).sum() / ones  # mean over the ones, counted from 1/2
    return (rank - ones / 2) / (len(labels) - ones)


def _logits(model: EmbeddingPerceptron, rows: Rows) -> jax.Array:
    return model(rows["names"], rows["quantities"])


def _log_loss(model: EmbeddingPerceptron, rows: Rows) -> jax.Array:
    """[rows], in nats."""
    logits = _logits(model, rows)
    return jax.nn.softplus(logits) - rows["y"] * logits


def _numbered(column: np.ndarray, train: np.ndarray, rare: int) -> tuple[np.ndarray, int]:
    """The number of each row's value, 0 where it is rare, and how many numbers there are."""
    values, counts = np.unique(column[train], return_counts=True)
    frequent = values[counts >= rare]
    return np.where(np.isin(column, frequent), np.searchsorted(frequent, column) + 1, 0), len(frequent) + 1
