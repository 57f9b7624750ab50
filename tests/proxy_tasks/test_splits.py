"""How a data set is divided."""

from __future__ import annotations

import numpy as np
import pytest

from proxy_tasks import TaskError
from proxy_tasks.splits import Split


def test_splits_are_disjoint_and_of_the_sizes_asked_for():
    split = Split(train=1000, validation=400, test=397)
    indices = split.indices(1797)
    assert {name: len(i) for name, i in indices.items()} == {"train": 1000, "validation": 400, "test": 397}
    assert len(np.unique(np.concatenate(list(indices.values())))) == 1797


def test_the_seed_fixes_the_split():
    def split(seed):
        return Split(10, 10, 10, seed=seed).indices(100)["test"].tolist()

    assert split(0) == split(0) != split(1)


def test_the_split_that_results_were_found_on_has_not_moved():
    split = Split(train=1000, validation=400, test=397).indices(1797)
    assert {name: i[:3].tolist() for name, i in split.items()} == {
        "train": [1360, 89, 343],
        "validation": [104, 624, 1415],
        "test": [1313, 1503, 170],
    }


def test_a_split_larger_than_the_data_is_refused():
    with pytest.raises(TaskError, match="more examples than the 20"):
        Split(10, 10, 10).indices(20)
