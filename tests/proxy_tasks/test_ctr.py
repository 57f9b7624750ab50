"""Click-through rates: how columns are read, how a model is scored, and which tables are refused."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

import dsl
import proxy_tasks
from proxy_tasks import TaskError, datasets
from proxy_tasks.ctr import area_under_curve

ROWS = 300
RNG = np.random.default_rng(0)
SHOPS = np.array([f"shop {number}" for number in range(20)])
TABLE = {
    "shop": SHOPS[RNG.integers(20, size=ROWS)],
    "hour": RNG.integers(24, size=ROWS),
    "price": RNG.exponential(5, ROWS),
    "pages": RNG.integers(1000, size=ROWS),
    "click": RNG.integers(2, size=ROWS),
}
SPLIT = "label=click,train=200,validation=50,test=50"


@pytest.fixture
def table(tmp_path):
    """Writes TABLE with some other columns, None to leave one out; gives the name of the task that reads it."""

    def write(settings="quantities=pages,rare=2", **changes):
        columns = {key: column for key, column in {**TABLE, **changes}.items() if column is not None}
        file = tmp_path / "clicks.csv"
        rows = zip(*columns.values(), strict=True)
        file.write_text("\n".join(",".join(map(str, row)) for row in [columns, *rows]) + "\n")
        return f"ctr,data={file},{SPLIT},{settings}"

    return write


def parts(task):
    data, test = task.data(), task.test_data()
    return {"train": data["train"], "validation": data["evaluation"], "test": test["evaluation"]}


def test_a_value_has_one_number_in_every_split_and_rare_values_share_one(table):
    seen = RNG.integers(2**40, size=ROWS)
    task = proxy_tasks.get(table(visitor=seen))
    rows = task.settings.split.indices(ROWS)
    everywhere = {part: split["names"] for part, split in parts(task).items()}
    train = everywhere["train"]
    assert train.shape == (200, 3) and task.values == train.max() + 1
    assert len(np.unique(train[:, 2])) == 1, "every visitor comes once"
    number_of = dict(zip(TABLE["shop"][rows["train"]], train[:, 0], strict=True))
    assert len(set(number_of.values())) == len(number_of) == 20
    assert not set(train[:, 0]) & set(train[:, 1])
    for part, names in everywhere.items():
        assert [number_of[shop] for shop in TABLE["shop"][rows[part]]] == names[:, 0].tolist()


def test_a_value_that_training_has_not_seen_is_as_rare_ones(table):
    rows = proxy_tasks.get(table()).settings.split.indices(ROWS)
    shops = TABLE["shop"].copy()
    shops[rows["train"][0]], shops[rows["validation"][0]] = "seen once", "never seen"
    task = proxy_tasks.get(table(shop=shops))
    assert parts(task)["train"]["names"][0, 0] == parts(task)["validation"]["names"][0, 0]


def test_quantities_are_standardised_by_the_training_split(table):
    task = proxy_tasks.get(table(constant=np.full(ROWS, 1.5)))
    rows = task.settings.split.indices(ROWS)
    found = np.stack([TABLE["price"], TABLE["pages"]], 1)
    mean, deviation = found[rows["train"]].mean(0), found[rows["train"]].std(0)
    for part, split in parts(task).items():
        np.testing.assert_allclose(split["quantities"][:, :2], (found[rows[part]] - mean) / deviation, rtol=1e-5)
        assert not split["quantities"][:, 2].any()


def test_the_test_rows_alone_are_read_by_test_data(table, monkeypatch):
    name = table()
    before, read = parts(proxy_tasks.get(name)), datasets.table
    rows = proxy_tasks.get(name).settings.split.indices(ROWS)["test"]

    def spoilt(path, missing):
        columns = {key: column.copy() for key, column in read(path, missing).items()}
        for key in ("shop", "price", "pages"):
            columns[key][rows] = columns[key][rows[::-1]]
        return columns

    monkeypatch.setattr(datasets, "table", spoilt)
    after = parts(proxy_tasks.get(name))
    same = {part: all(map(np.array_equal, before[part].values(), after[part].values())) for part in before}
    assert same == {"train": True, "validation": True, "test": False}


def test_loss_and_fitness_are_those_of_scikit_learn(table):
    name = table()
    task, other = proxy_tasks.get(name), proxy_tasks.get(f"{name},fitness=auc")
    weights, data = task.init(0), task.data()
    split = data["evaluation"]
    odds = np.exp(np.asarray(weights(split["names"], split["quantities"]), np.float64))
    expected = log_loss(split["y"], odds / (1 + odds))
    assert float(jax.jit(task.evaluate)(weights, data)) == pytest.approx(expected, rel=1e-5)
    expected = 1 - roc_auc_score(split["y"], odds)
    assert float(jax.jit(other.evaluate)(weights, data)) == pytest.approx(expected, rel=1e-5)


def test_ties_count_half_in_the_area_under_the_curve():
    logits = RNG.integers(5, size=200).astype(np.float32)
    labels = (RNG.random(200) < 0.3).astype(np.float32)
    assert float(area_under_curve(logits, labels)) == pytest.approx(roc_auc_score(labels, logits), rel=1e-5)


def test_chance_is_what_a_constant_answer_comes_to(table):
    name = table()
    task = proxy_tasks.get(name)
    labels = task.data()["evaluation"]["y"]
    assert task.chance == pytest.approx(log_loss(labels, np.full(len(labels), labels.mean())))
    assert proxy_tasks.get(f"{name},fitness=auc").chance == 0.5


@pytest.mark.parametrize("kept", ["price", "shop"], ids=["quantities alone", "names alone"])
def test_a_table_of_one_kind_of_columns_is_learnt(kept, table):
    column = TABLE[kept]
    clicks = (column > np.median(column) if kept == "price" else np.isin(column, SHOPS[:9])).astype(int)
    others = dict.fromkeys({"shop", "hour", "price", "pages"} - {kept})
    task = proxy_tasks.get(table("steps=150,rare=2", click=clicks, **others))
    program = dsl.canonical(dsl.known("adamw", learning_rate=0.1))
    assert proxy_tasks.Trainer(task).train(program).loss < 0.6 * task.chance


@pytest.mark.parametrize(
    ("settings", "changes", "problem"),
    [
        ("", {"click": None}, "no column 'click'; it has shop, hour, price, pages"),
        ("quantities=pages hours", {}, "no column 'hours'; did you mean 'hour'"),
        ("quantities=shop", {}, "has shop = .* in row 0: write a finite number, or take the column out of"),
        ("quantities=pages", {"pages": [*TABLE["pages"][1:], "few"]}, f"has pages = few in row {ROWS - 1}: write"),
        ("", {"price": [*TABLE["price"][1:], np.inf]}, f"has price = inf in row {ROWS - 1}: write a finite number"),
        ("", {"click": TABLE["click"] * 2}, "has click = 2 in row .*: write 0 or 1"),
        ("", {"click": np.where(TABLE["click"], "yes", "no")}, "has click = (yes|no) in row 0: write 0 or 1"),
        ("", {"click": np.ones(ROWS, int)}, "click is 1 in all 200 rows of the train split"),
        ("", {"price": ["", *TABLE["price"][1:]]}, "line 2, column 'price': a value is missing"),
        ("", dict.fromkeys(["shop", "hour", "price", "pages"]), "no column but click"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_one_sentence(settings, changes, problem, table):
    with pytest.raises(TaskError, match=problem) as refusal:
        proxy_tasks.get(table(settings or "rare=2", **changes))
    assert "\n" not in str(refusal.value)


def test_rows_with_missing_values_are_left_out_where_that_is_asked_for(table):
    name = table(price=["", *TABLE["price"][1:]])
    with pytest.raises(TaskError, match="missing=drop as a setting of a task"):
        proxy_tasks.get(name)
    fewer = name.replace("train=200", "train=199")
    assert len(proxy_tasks.get(f"{fewer},missing=drop").data()["train"]["y"]) == 199


def test_a_quantity_that_is_alike_in_all_training_rows_is_zero(table):
    task = proxy_tasks.get(table(price=["0.1"] * ROWS))
    assert not task.data()["train"]["quantities"][:, 0].any()
