"""How a data set is divided into training, validation and test examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from proxy_tasks.errors import TaskError
from proxy_tasks.randomness import Purpose, stream


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
