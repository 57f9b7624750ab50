"""`optsearch tasks`: what it lists, the task that it begins, and how it checks one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import search
from proxy_tasks import TASKS
from proxy_tasks.cost import Cost
from proxy_tasks.testing import CHECKS
from search.cli import main
from tests.proxy_tasks.distribution import install

ROOT = Path(search.__file__).parents[1]
BROKEN = ROOT / "tests" / "proxy_tasks" / "broken.py"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("action", ["new", "check", "settings"])
def test_the_help_of_every_action_gives_an_example_of_it(action, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["tasks", action, "--help"])
    assert f"\n  optsearch tasks {action} " in capsys.readouterr().out


def test_the_tasks_of_installed_packages_are_listed_after_the_others_with_where_they_are_from(
    here, monkeypatch, capsys
):
    monkeypatch.syspath_prepend(here)
    install(here, "wares", bowl="wares_module:Good", gone="wares_module:NoWeights", digits="wares_module:Good")
    monkeypatch.setattr("proxy_tasks.TASKS", {"digits": TASKS["digits"]}, raising=False)
    assert main(["tasks"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "name             scale    weights   steps",
        "digits               1       2410     200",
        "digits              10       8970     700",
        "digits             100      26122    2500",
        "digits             500      85002    5000",
        "bowl                 1         21      40  wares 1.0",
        "bowl                10         21     400  wares 1.0",
        "digits           wares 1.0 has one, too, which is hidden: write wares_module:Good",
        "gone             wares 1.0, broken: `optsearch tasks check gone` says why",
    ]


# A task that is begun.


def test_a_new_task_passes_its_own_tests(here, capsys):
    assert main(["tasks", "new", "bowl_of_mine", "--dir", "tasks/mine"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "wrote tasks/mine/bowl_of_mine.py and tasks/mine/test_bowl_of_mine.py; change the first, and then:",
        "  optsearch tasks check tasks/mine/bowl_of_mine.py:BowlOfMine",
        "  python -m pytest tasks/mine/test_bowl_of_mine.py",
        "  optsearch run quickstart --set task=tasks/mine/bowl_of_mine.py:BowlOfMine",
    ]
    assert "my_task" not in Path("tasks/mine/test_bowl_of_mine.py").read_text()
    code = f"import sys, pytest; sys.path.insert(0, {str(ROOT)!r}); sys.exit(pytest.main())"
    run = subprocess.run([sys.executable, "-c", code, "-q", "-W", "error"], capture_output=True, text=True)
    assert run.returncode == 0 and f"{len(CHECKS)} passed" in run.stdout, run.stdout


@pytest.mark.parametrize("there", ["bowl.py", "test_bowl.py"])
def test_a_new_task_overwrites_nothing(there, here, capsys):
    Path(there).write_text("mine")
    assert main(["tasks", "new", "bowl"]) == 2
    assert f"{there} would be overwritten: give another name, or another --dir" in capsys.readouterr().err
    assert [(file.name, file.read_text()) for file in here.iterdir()] == [(there, "mine")]


@pytest.mark.parametrize("name", ["3d", "my-task", "a.b", "class", "none", "any", "_", "", "bowl.py", "../bowl"])
def test_a_name_that_makes_no_class_is_refused(name, here, capsys):
    assert main(["tasks", "new", name]) == 2
    assert f"{name!r} cannot name a task" in capsys.readouterr().err
    assert not list(here.iterdir())


def test_a_name_that_would_hide_a_module_is_refused(here, capsys):
    assert main(["tasks", "new", "numpy"]) == 2
    assert "numpy.py would hide the module numpy: give another name" in capsys.readouterr().err


def test_a_directory_that_cannot_be_made_is_named(here, capsys):
    Path("file").write_text("")
    assert main(["tasks", "new", "bowl", "--dir", "file/below"]) == 2
    assert "optsearch: file/below cannot be written: Not a directory" in capsys.readouterr().err


# A task that is checked.


def test_a_check_that_fails_is_one_line_among_the_others_and_the_exit_code_1(capsys, monkeypatch):
    # All checks, and a cost that is measured, are in the test of docs/custom-tasks.md.
    monkeypatch.setattr("proxy_tasks.testing.CHECKS", {name: CHECKS[name] for name in ("contract", "version", "seeds")})
    cost = Cost("jax", 21, 400, 0.0123, 1.5, 2800, 25600)
    monkeypatch.setattr("proxy_tasks.cost.measure", lambda subject: cost)
    assert main(["tasks", "check", f"{BROKEN}:OneVersion", "--scale", "10"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "good x10",
        "ok     contract   21 float32 weights in 3 arrays, 400 steps",
        "WRONG  version    version is 1 at scale 1 as at scale 10: put the scale into fingerprint(), or let __init__"
        " raise TaskError for a scale that there is not",
        "ok     seeds      batches() differ from seed to seed; init() does not",
        "",
        "what a candidate costs here:",
        *cost.table().splitlines(),
        "",
        "1 of 3 checks failed",
    ]


def test_what_breaks_the_contract_is_not_checked_further(capsys):
    assert main(["tasks", "check", f"{BROKEN}:DoubleWeights + {BROKEN}:PlainNumbers"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "good x1",
        "WRONG  contract   init() gives weights of float64: make all float32",
        "the other checks need contract: mend that first",
        "good x1",
        "WRONG  contract   init() gives weights of float32, float64: make all float32",
        "the other checks need contract: mend that first",
    ]


def test_a_task_that_there_is_not_is_an_error_of_the_command(capsys):
    assert main(["tasks", "check", f"{BROKEN}:Absent"]) == 2
    assert capsys.readouterr().err.startswith(f"optsearch: {BROKEN} has no class 'Absent'; its tasks: Good, NoWeights")


def test_what_data_is_not_here_is_said_once_with_the_command_that_fetches_it(here, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(here))
    listed = {name: TASKS[name] for name in ("vision_mlp", "ctr", "vision_vit")}
    monkeypatch.setattr("proxy_tasks.TASKS", listed, raising=False)
    assert main(["tasks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "not here" in line] == [
        "vision_mlp         100 not here [1]",
        "vision_mlp         500 not here [1]",
        "ctr                100 not here [2]",
        "ctr                500 not here [2]",
        "vision_vit         100 not here [1]",
        "vision_vit         500 not here [1]",
        *lines[-2:],
    ]
    for line, number, data in zip(lines[-2:], "12", ("fashion_mnist", "flights"), strict=True):
        assert line.startswith(f"[{number}] the data set {data} is not here")
        assert line.endswith(f"run in a checkout of optsearch: python scripts/make_data.py {data}")


@pytest.mark.parametrize("name", TASKS)
def test_the_settings_of_every_task_are_shown_with_their_values_at_every_scale(name, capsys):
    assert main(["tasks", "settings", name]) == 0
    head, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ["setting", *(f"x{scale}" for scale in TASKS[name].SCALES), "meaning"]
    steps = next(row for row in rows if row[0] == "steps")
    assert steps[1 : len(head) - 1] == [str(settings.steps) for settings in TASKS[name].SCALES.values()]


def test_settings_of_what_is_not_built_in_are_refused_with_the_nearest(here, capsys):
    assert main(["tasks", "settings", "digits_vitt"]) == 2
    assert "there is no built-in task 'digits_vitt'; did you mean 'digits_vit'?" in capsys.readouterr().err
