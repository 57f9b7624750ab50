"""The bundled data sets and their splits."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proxy_tasks.errors import TaskError
from proxy_tasks.randomness import Purpose, stream

FOLDER = Path(__file__).parent / "data"

# SHA-256 of each bundled file; scripts/make_data.py prints it.
SHA256 = {"digits": "1dc781c8fe699ce12f056a510e6dd518c795428f089effc1a3e2eec0f3ece269"}


@dataclass(frozen=True)
class Split:
    """How a data set is divided: disjoint splits of a shuffled order.

    Attributes:
        train: number of training examples.
        validation: number of validation examples, whose loss is the fitness.
        test: number of test examples, which no search sees.
        seed: of the order.
    """

    train: int
    validation: int
    test: int
    seed: int = 0

    def indices(self, examples: int) -> dict[str, np.ndarray]:
        """Indices of the examples of "train", "validation" and "test".

        Raises:
            TaskError: if the data set has fewer examples than the three splits need.
        """
        if self.train + self.validation + self.test > examples:
            raise TaskError(f"{self} needs more examples than the {examples} there are: make a split smaller")
        order = stream(self.seed, Purpose.SPLIT).permutation(examples)
        ends = np.cumsum([self.train, self.validation, self.test])
        train, validation, test, _ = np.split(order, ends)
        return {"train": train, "validation": validation, "test": test}


def load(name: str) -> dict[str, np.ndarray]:
    """The arrays of a bundled data set.

    "digits" is {"images": uint8 [1797, 8, 8] with values 0..16, "labels": uint8 [1797]}.

    Raises:
        TaskError: if the file is missing or is not the one this version was made with.
    """
    path = FOLDER / f"{name}.npz"
    remedy = f"reinstall optsearch, or, in a checkout, run: python scripts/make_data.py {name}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TaskError(f"the bundled data {path} cannot be read ({error.strerror}): {remedy}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise TaskError(f"the bundled data {path} is damaged: SHA-256 {found}, expected {SHA256[name]}: {remedy}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)
