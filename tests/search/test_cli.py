"""The command line: what each subcommand prints, and what happens to errors."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import dsl
import search
from dsl.export import EXPORTERS
from dsl.functions import FUNCTIONS, SPELLINGS
from dsl.vm.native.build import library
from proxy_tasks import NON_FINITE, STOPPED_EARLY, TASKS, TRAINED, Outcome, TaskError
from search.cli import COMMANDS, main
from search.config import Config
from search.configuration import describe, load_config, to_dict
from search.evaluator import Evaluation
from search.journal import FILE_NAME, Child, Journal

ROOT = Path(search.__file__).parents[1]

# Children of a journal: program, losses of the seeds (none: it failed), whether it is new.
SHORT = "def train(w, g, m, v, lr):\n  u = g * lr\n  return u, m, v\n"
REDUNDANT = "def train(w, g, m, v, lr):\n  u = g * lr\n  x = sign(w)\n  u = sign(u)\n  x = x + u\n  return u, m, v\n"
LONG_AND_BAD = "def train(w, g, m, v, lr):\n  u = sin(g)\n  u = cos(u)\n  u = sin(u)\n  return u, m, v\n"
FAILED = "def train(w, g, m, v, lr):\n  u = log(g)\n  return u, m, v\n"
CHILDREN: list[tuple[str, tuple[float, ...], bool]] = [
    (str(dsl.optimizers["adamw"]), (0.5, 0.75), True),
    (SHORT, (0.875,), True),
    (REDUNDANT, (0.25, 0.5), True),
    (LONG_AND_BAD, (0.625,), True),
    (FAILED, (), True),
    (SHORT, (0.875,), False),
]


def evaluation(losses: tuple[float, ...]) -> Evaluation:
    if not losses:
        return Evaluation(NON_FINITE, None, (Outcome(NON_FINITE, None, (2.5,), 70),))
    outcomes = tuple(Outcome(TRAINED, loss, (2.0, 1.5, 1.0, loss), 500) for loss in losses)
    return Evaluation(TRAINED, sum(losses) / len(losses), outcomes)


@pytest.fixture
def run_directory(tmp_path: Path) -> Path:
    """A run of five children that has no winner yet."""
    directory = tmp_path / "a-run"
    directory.mkdir()
    journal = Journal(directory)
    journal.facts(config=to_dict(Config(population=5)))
    tuned = {"learning_rate": 0.003, "weight_decay": 0.1, "fitness": 1.0}
    journal.facts(baselines={1: {"adamw": tuned, "lion": tuned}})
    for id, (text, losses, new) in enumerate(CHILDREN):
        program = dsl.parse(text)
        parent, mutation = (None, None) if id == 0 else (0, "insert")
        journal.record(Child(id, parent, mutation, program, dsl.canonical_hash(program), evaluation(losses), new))
    journal.close()
    return directory


@pytest.fixture
def program_file(tmp_path: Path) -> Path:
    path = tmp_path / "program.txt"
    path.write_text(REDUNDANT)
    return path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]):
    """Runs a command line that succeeds; returns what it prints."""

    def run(*argv: Any) -> str:
        code = main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        assert (code, captured.err) == (0, "")
        return captured.out

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]):
    """Runs a command line that fails; returns its one line on standard error."""

    def run(*argv: Any, code: int = 2) -> str:
        assert main([str(argument) for argument in argv]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert re.fullmatch(r"optsearch: .*\n", captured.err)
        return captured.err

    return run


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Puts bytes on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def process(*argv: str, code: str = "import sys; from search.cli import main; sys.exit(main())", **options: Any):
    return subprocess.Popen(
        [sys.executable, "-c", code, *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_subcommand_gives_an_example_of_it(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert f"\n  optsearch {name}" in capsys.readouterr().out


def test_the_help_lists_every_subcommand(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(re.search(rf"\n    {name}\s", shown) for name in COMMANDS)


def test_the_version_is_shown(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.startswith("optsearch ")


@pytest.mark.parametrize(
    "argv", [[], ["walk"], ["show"], ["show", "d", "-1"], ["show", "d", "x"], ["show", "d", "9" * 30]]
)
def test_wrong_usage_exits_with_2(argv, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(argv)
    assert capsys.readouterr().err.startswith("usage: optsearch")


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (search.SearchError("a\nb"), 2, "a b"),
        (dsl.ProgramError("a", 3, 4), 2, "line 3, column 4: a"),
        (TaskError("a"), 2, "a"),
        (sqlite3.DatabaseError("malformed"), 2, "malformed"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(error, code, part, monkeypatch, refused):
    def run(arguments):
        raise error

    monkeypatch.setitem(COMMANDS, "check", SimpleNamespace(run=run, add_arguments=COMMANDS["check"].add_arguments))
    assert part in refused("check", "lion", code=code)


def test_a_reader_that_goes_away_is_no_error():
    command = process("config")
    command.stdout.close()
    assert (command.wait(), command.stderr.read()) == (141, "")
    command.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_reported_in_one_line():
    with open("/dev/full", "w") as full:
        command = subprocess.run(
            [sys.executable, "-c", "import sys; from search.cli import main; sys.exit(main())", "config"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    assert (command.returncode, command.stderr) == (2, "optsearch: [Errno 28] No space left on device\n")


def test_what_needs_no_jax_does_not_import_it(run_directory, program_file):
    lines = [
        ["check", program_file],
        ["simplify", program_file, "--quiet"],
        ["export", program_file],
        ["export", run_directory, 1],
        ["show", run_directory],
        ["show", run_directory, 2],
        ["lineage", run_directory],
        ["diff", run_directory, 1, "lion"],
        ["ls", run_directory],
        ["digest", run_directory],
        ["config"],
        ["config", "quickstart"],
    ]
    calls = "".join(f"assert main({[str(word) for word in line]}) == 0\n" for line in lines)
    code = f"import sys\nfrom search.cli import main\n{calls}assert 'jax' not in sys.modules"
    command = process(code=code)
    _, errors = command.communicate()
    assert (command.returncode, errors) == (0, "")


@pytest.mark.parametrize("arguments", [["doctor"], ["run", "quickstart"]])
def test_one_line_says_when_jax_cannot_start(monkeypatch, tmp_path, arguments):
    monkeypatch.setenv("JAX_PLATFORMS", "nonsense")
    command = process(*arguments, cwd=tmp_path)
    _, error = command.communicate()
    assert command.returncode == 2 and not list(tmp_path.glob("runs/*"))
    *begun, error = error.splitlines()
    assert error.startswith("optsearch: JAX cannot start with JAX_PLATFORMS=nonsense: set it to cpu")
    assert begun in ([], ["the workers begin"])


@pytest.mark.parametrize("compiler", [None, "no-such-compiler"])
def test_doctor_names_the_machine_or_what_to_install(capsys, monkeypatch, compiler):
    if compiler:
        monkeypatch.setenv("CXX", compiler)
    library.cache_clear()
    code = main(["doctor"])
    library.cache_clear()
    out, err = capsys.readouterr()
    assert err == "" and "jaxlib" in out and "cores" in out
    if "machine   native" in out:
        assert (code, compiler, out.splitlines()[-1]) == (0, None, "nothing is missing")
    else:
        assert code == 1 and "machine   jax" in out and "install g++" in out.splitlines()[-1]


def test_check_shows_types_live_statements_and_hash(call, program_file):
    lines = call("check", program_file).splitlines()
    assert lines[lines.index("") + 1 :][:2] == ["w   TREE", "g   TREE"]
    assert "lr  SCALAR" in lines
    assert "statements: 4, of which live: 2" in lines
    assert "states: 2, of which live: 0" in lines
    assert lines[-1] == f"hash: {dsl.canonical_hash(dsl.parse(REDUNDANT))}"


def test_check_marks_dead_statements_in_a_text_that_reads_again(call, program_file):
    shown, _, _ = call("check", program_file).partition("\n\n")
    assert f"{shown}\n" == REDUNDANT.replace("sign(w)", "sign(w)  # dead").replace("x + u", "x + u  # dead")
    assert dsl.parse(shown) == dsl.parse(REDUNDANT)


def test_functions_lists_every_function_once_under_its_types(call):
    shown = call("functions")
    assert max(map(len, shown.splitlines())) <= 100
    sections = dict(part.split(":\n", 1) for part in re.split(r"^takes ", shown, flags=re.MULTILINE)[1:])
    for function in FUNCTIONS.values():
        rows = [types for types, rows in sections.items() if f"  {function.usage()} " in rows]
        assert rows == [function.types]
    assert "get_pi()" in sections["no arguments; the result is a SCALAR"]
    assert all(f"{spelling} for {name}" in shown for spelling, name in SPELLINGS.items())


def test_simplify_tells_its_stages_beside_the_program(capsys):
    assert main(["simplify", "lion_raw"]) == 0
    out, err = capsys.readouterr()
    assert dsl.parse(out) == dsl.simplify(dsl.optimizers["lion_raw"])
    assert "21 -> 12 statements by dead statements and states" in err and "a state less: " in err
    assert "gone: /, abs; new: sign" in err


def test_simplify_takes_a_child_of_a_run(call, run_directory, refused, program_file):
    assert call("simplify", run_directory, 1, "--quiet") == "def train(w, g, lr):\n  update = g * lr\n  return update\n"
    assert "is not the directory of a run" in refused("simplify", program_file, 1)
    assert "give these, too, with --tasks or --config" in refused(
        "simplify", program_file, "--quiet", "--set", "seed=1"
    )


def test_simplify_asks_tasks(capsys, program_file):
    arguments = ["--tasks", f"{ROOT}/tests/search/quadratic.py:Quadratic", "--set", "workers=inline"]
    arguments += ["--set", "simplify.seeds=6", "--set", "simplify.scales=[]", "--set", "simplify.factors=[1, 0.1]"]
    assert main(["simplify", str(program_file), *arguments]) == 0
    out, err = capsys.readouterr()
    assert len(dsl.parse(out)) <= 2 and "with seeds that nothing was chosen by,\n    quadratic x1" in err


@pytest.mark.parametrize("config", [[], ["--config", "quickstart"]])
@pytest.mark.parametrize("tasks", ["nothere", "digits + nothere", "{a", "5"])
def test_simplify_names_the_option_with_a_task_that_there_is_not(refused, tasks, config):
    error = refused("simplify", "lion_raw", "--tasks", tasks, *config)
    assert f"--tasks {tasks}: there is no task '{tasks.split()[-1]}'" in error and "--set" not in error


def test_simplify_prints_a_program_that_reads_again(call, monkeypatch):
    text = call("simplify", "lion_raw", "--quiet")
    assert dsl.parse(text) == dsl.simplify(dsl.optimizers["lion_raw"])
    feed(monkeypatch, text.encode())
    assert "statements: " in call("check", "-")


@pytest.mark.parametrize("command", ["check", "simplify", "export"])
def test_an_error_in_a_program_is_shown_with_file_line_and_column(command, refused, program_file, monkeypatch):
    broken = REDUNDANT.replace("sign(w)", "sgn(w)")
    program_file.write_text(broken)
    assert refused(command, program_file).startswith(f"optsearch: {program_file}:3:7: unknown function 'sgn'")
    feed(monkeypatch, broken.encode())
    assert refused(command, "-").startswith("optsearch: standard input:3:7: unknown function 'sgn'")


def test_files_that_hold_no_program_are_refused(refused, tmp_path, program_file):
    assert "no known optimizer" in refused("check", tmp_path / "none.txt")
    assert "did you mean 'lion'?" in refused("check", "lin")
    assert "Is a directory" in refused("check", tmp_path)
    program_file.write_bytes(b"\xff")
    assert "is not text in UTF-8" in refused("check", program_file)


@pytest.mark.parametrize("target", EXPORTERS)
def test_export_writes_source_code(call, program_file, target):
    text = call("export", program_file, "--to", target)
    assert text == dsl.export(dsl.parse(REDUNDANT), target)


def test_export_of_a_run_takes_the_best_child_until_there_is_a_winner(call, run_directory):
    assert "child 2," in call("export", run_directory)
    journal = sqlite3.connect(run_directory / FILE_NAME)
    journal.execute("INSERT INTO facts VALUES ('winner', '\"3\"')")
    journal.commit()
    journal.close()
    assert "child 3," in call("export", run_directory)
    assert "child 1," in call("export", run_directory, 1)


def test_the_help_of_export_says_what_it_takes_and_where_the_output_goes(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["export", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "The source code is printed, or written to the file that -o names." in shown
    assert "what to export: directory of a run, file with a program" in shown
    assert all(f"{target}: a " in shown for target in EXPORTERS)


def test_export_overwrites_no_file_unless_forced(call, refused, program_file, tmp_path):
    target = tmp_path / "found.py"
    assert call("export", program_file, "-o", target) == ""
    written = target.read_text()
    assert "--force" in refused("export", "lion", "-o", target)
    assert target.read_text() == written
    call("export", "lion", "-o", target, "--force")
    assert target.read_text() == dsl.export(dsl.optimizers["lion"])
    assert "cannot be written: No such file" in refused("export", "lion", "-o", tmp_path / "none" / "found.py")


def test_export_refuses_a_child_of_a_file(refused, program_file):
    assert "is not the directory of a run" in refused("export", program_file, 1)


def test_show_lists_the_best_program_of_each_length(call, run_directory):
    rows = [line.split(maxsplit=4) for line in call("show", run_directory).splitlines() if re.match(r" +\d", line)]
    assert [row[:4] for row in rows] == [["1", "1", "0.8750", "-0.2500"], ["2", "2", "0.3750", "+0.2500"]]
    assert rows[0][4] == "update = g * lr"


def test_show_gives_the_totals_of_a_run(call, run_directory):
    shown = call("show", run_directory)
    assert "5 children generated, 4 of them trained (1 non-finite, 3 trained)" in shown
    assert "cache hit rate 20.0%" in shown
    assert "there is no winner yet" in shown


def test_show_cuts_lines_to_the_width_of_a_terminal(run_directory, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "50")
    assert main(["show", str(run_directory)]) == 0
    rows = [line for line in sys.stdout.getvalue().splitlines() if re.match(r" +\d", line)]
    assert [len(row) for row in rows] == [50, 50]
    assert all(row.endswith("...") for row in rows)


def test_show_of_a_run_without_children_says_so(call, tmp_path):
    Journal(tmp_path).close()
    assert call("show", tmp_path) == "no program was trained yet\n"


def test_show_gives_a_child_in_full(call, run_directory):
    shown = call("show", run_directory, 2)
    assert shown.startswith("child 2, made from child 0 by insert\n")
    assert f"hash {dsl.canonical_hash(dsl.parse(REDUNDANT))}\n" in shown
    assert "fitness 0.3750, gain over the warm start +0.2500\n" in shown
    assert "seed 1: trained, loss 0.5000, 500 steps, training loss 2.0000 1.5000 1.0000 0.5000\n" in shown
    assert REDUNDANT.replace("sign(w)", "sign(w)  # dead").replace("x + u", "x + u  # dead") in shown
    assert f"\npruned, 2 statements:\n\n{dsl.prune(dsl.parse(REDUNDANT))}" in shown
    assert f"\nsimplified, 2 statements:\n\n{dsl.simplify(dsl.parse(REDUNDANT))}" in shown
    assert "\nupdate  sign(g * lr)\n" in shown
    assert "1 mutations led to it; 1 of them changed what it computes:" in shown
    assert f"optsearch export {run_directory} 2 --to optax|torch" in shown


def test_show_counts_the_children_of_a_child_and_those_that_compute_the_same(call, run_directory):
    assert "\n5 children were made from it; 0 others compute the same\n" in call("show", run_directory, 0)
    assert "\n0 children were made from it; 1 others compute the same\n" in call("show", run_directory, 1)


def test_json_has_what_show_shows_in_full(call, run_directory):
    found = json.loads(call("show", run_directory, "--json"))
    assert (found["state"], found["generated"], found["cache_hit_rate"]) == ("interrupted", 5, pytest.approx(0.2))
    assert found["front"][1] == {"child": "2", "live": 2, "fitness": 0.375, "formula": "update = sign(g * lr)"}
    child = json.loads(call("show", run_directory, 2, "--json"))
    assert dsl.parse(child["program"]) == dsl.parse(REDUNDANT) and child["live"] == [0, 2]
    assert child["formulas"] == {"update": "sign(g * lr)"}
    assert [training["loss"] for training in child["trainings"]] == [0.25, 0.5]
    assert [ancestor["child"] for ancestor in child["lineage"]] == ["0", "2"]
    assert json.loads(call("show", run_directory, 4, "--json"))["fitness"] is None


def test_lineage_shows_each_mutation_and_what_it_was_worth(call, run_directory):
    shown = call("lineage", run_directory)  # of the best so far
    assert re.search(r"^ +0 .* 0\.6250 +- +the warm start$", shown, re.MULTILINE)
    assert re.search(r"^ +2 insert +4 +2 +0\.3750 +\+0\.2500 +[+-] ", shown, re.MULTILINE)
    assert re.search(r"^ +\+ x = sign\(w\)$", shown, re.MULTILINE)
    line = json.loads(call("lineage", run_directory, 2, "--json"))
    assert [(row["child"], row["gain"]) for row in line] == [("0", None), ("2", 0.25)]


def test_lineage_leaves_out_what_changes_nothing_if_asked(call, tmp_path):
    directory = tmp_path / "line"
    directory.mkdir()
    journal = Journal(directory)
    journal.facts(config=to_dict(Config()))
    for id, text in enumerate([SHORT, SHORT.replace("  return", "  x = sign(w)\n  return"), REDUNDANT]):
        program = dsl.parse(text)
        child = Child(
            id,
            id - 1 if id else None,
            "insert" if id else None,
            program,
            dsl.canonical_hash(program),
            evaluation((0.5,)),
            id != 1,
        )
        journal.record(child)
    journal.close()
    keys = [row["child"] for row in json.loads(call("lineage", directory, 2, "--json"))]
    changed = [row["child"] for row in json.loads(call("lineage", directory, 2, "--json", "--changed"))]
    assert (keys, changed) == (["0", "1", "2"], ["0", "2"])
    assert " same  + x = sign(w)" in call("lineage", directory, 2)


def test_diff_tells_what_each_output_computes(call, run_directory):
    shown = call("diff", run_directory, 1, 2)
    assert shown.startswith("update differs:\n  1  g * lr\n  2  sign(g * lr)\nover six made steps their weights differ")
    assert shown.endswith(" % of the distance moved\n")
    assert call("diff", run_directory, 1, 5) == (
        "1 and 5 compute the same\nupdate: g * lr\nover six made steps their weights differ by nothing\n"
    )
    assert "m in adamw alone: interp(g, m, 0.9)\n" in call("diff", run_directory, 1, "adamw")
    compared = json.loads(call("diff", run_directory, 2, "lion", "--json"))
    assert compared["programs"] == ["2", "lion"] and not compared["same"]
    assert compared["outputs"]["m"] == [None, "interp(g, m, 0.99)"]


def test_diff_is_told_what_may_stand_there(run_directory, capsys):
    with pytest.raises(SystemExit):
        main(["diff", str(run_directory), "1", "adamm"])
    assert "neither the number of a child nor a known optimizer; did you mean 'adam'?" in capsys.readouterr().err


def test_ls_puts_runs_side_by_side(call, run_directory):
    (run_directory.parent / "other").mkdir()
    (run_directory.parent / "other" / FILE_NAME).write_text("no journal")
    shown = call("ls", run_directory.parent).splitlines()
    assert re.match(rf"{run_directory} +interrupted +5 +4 +20% +0\.0 +0\.3750 +1\.0000 +0  digits_vit$", shown[1])
    assert "is not a journal" in " ".join(shown[2].split())
    row, error = json.loads(call("ls", run_directory.parent, "--json"))
    assert (row["directory"], row["best"]) == (str(run_directory), 0.375)
    assert set(error) == {"directory", "error"}


def test_seconds_are_by_step_and_in_all(call, run_directory):
    journal = Journal(run_directory)
    journal.facts(seconds={"tune": 1.5, "evolve": 2.5})
    journal.close()
    (row,), whole = (json.loads(call(command, run_directory, "--json")) for command in ("ls", "show"))
    for found in (row, whole):
        assert (found["seconds"], found["seconds_in_all"]) == ({"tune": 1.5, "evolve": 2.5}, 4.0)


def test_an_error_is_shown_and_not_obeyed(capsys, monkeypatch):
    error = search.SearchError("a\x1b[2Jb")
    error.add_note("Traceback\n  raise \x1b]0;title\x07")

    def fails(arguments: object) -> int:
        raise error

    monkeypatch.setattr("search.cli.ls.run", fails)
    assert main(["ls"]) == 2
    told = "Traceback\n  raise \x1b]0;title\x07\noptsearch: a\x1b[2Jb\n"
    assert capsys.readouterr().err == re.sub("[\x1b\x07]", "\N{REPLACEMENT CHARACTER}", told)


def test_ls_lists_the_other_runs_beside_a_journal_that_is_damaged_behind_its_header(call, run_directory):
    damaged = run_directory.parent / "damaged"
    damaged.mkdir()
    content = (run_directory / FILE_NAME).read_bytes()
    (damaged / FILE_NAME).write_bytes(content[:4096] + bytes(len(content) - 4096))
    rows = {Path(row["directory"]).name: row for row in json.loads(call("ls", run_directory.parent, "--json"))}
    assert rows["a-run"]["best"] == 0.375 and "the journal cannot be used" in rows["damaged"]["error"]


def test_ls_tells_the_gain_over_an_adamw_that_trained_and_whether_it_is_sure(call, run_directory):
    good, failed = {"losses": [0.5, 0.52, 0.54], "kind": TRAINED}, {"losses": [], "kind": NON_FINITE}
    better, varied = {**good, "losses": [0.25, 0.26, 0.27]}, {**good, "losses": [0.25, 0.26, 1.8]}
    stages = [
        {
            "scale": scale,
            "seeds": 3,
            "baselines": {"adamw": adamw, "lion": good},
            "scores": {"2": winner},
        }
        for scale, adamw, winner in ((1, good, better), (10, good, varied), (100, failed, better))
    ]
    journal = Journal(run_directory)
    journal.facts(winner="2", stages=stages)
    journal.close()
    shown = call("ls", run_directory)
    assert "the winner's gain over AdamW's loss" in shown and shown.endswith("digits_vit; x1 +50%, x10 ~-48%\n")
    assert "(~: not sure)" in shown
    funnel = json.loads(call("ls", run_directory, "--json"))[0]["funnel"]
    assert [stage["sure"] for stage in funnel] == [True, False, False]


def test_what_was_tuned_is_that_of_the_scale_of_the_search(run_directory):
    assert {name: known.fitness for name, known in search.load(run_directory).tuned.items()} == {
        "adamw": 1.0,
        "lion": 1.0,
    }
    journal = Journal(run_directory)
    journal.facts(config=to_dict(Config(scale=10)))
    journal.close()
    assert search.load(run_directory).tuned == {}


def test_ls_says_where_there_is_no_run(refused, tmp_path):
    assert f"there is no run in {tmp_path}: `optsearch run CONFIG` makes one" in refused("ls", tmp_path)


def test_a_run_that_is_being_written_is_running(call, run_directory):
    journal = Journal(run_directory)
    assert json.loads(call("show", run_directory, "--json"))["state"] == "running"
    journal.close()
    assert json.loads(call("show", run_directory, "--json"))["state"] == "interrupted"


def test_show_says_how_a_child_failed_and_which_was_not_trained(call, run_directory):
    assert "non-finite: no fitness\nseed 0: non-finite, no loss, 70 steps" in call("show", run_directory, 4)
    assert "not trained again" in call("show", run_directory, 5)
    assert "child 0, the warm start\n" in call("show", run_directory, 0)


HOSTILE_NAME = os.fsdecode(b"a\xff\x1b[2Jb")


@pytest.fixture
def hostile_directory(tmp_path: Path) -> Path:
    """A run whose path, task and error would command a terminal, and are not UTF-8."""
    directory = tmp_path / HOSTILE_NAME
    directory.mkdir()
    journal = Journal(directory)
    journal.facts(config={**to_dict(Config(population=5)), "task": HOSTILE_NAME})
    failed = Evaluation("task error", None, (), error=f"Traceback\nValueError: {HOSTILE_NAME}\x07")
    for id, found in enumerate([evaluation((0.5,)), failed, evaluation((0.25,))]):
        program = dsl.known("sgd", learning_rate=0.1 * (1 + id))
        parent, mutation = (0, "modify") if id else (None, None)
        journal.record(Child(id, parent, mutation, program, dsl.canonical_hash(program), found, True))
    bare = {"losses": [0.5], "kind": TRAINED}
    stage = {"scale": 1, "seeds": 1, "baselines": {"adamw": bare, "lion": bare}, "scores": {"2": bare}}
    journal.facts(winner="2", stages=[stage])
    journal.close()
    return directory


@pytest.mark.parametrize(
    "command",
    ["show", "show 1", "show 2", "lineage 2", "diff 1 2", "ls", "report", "plot --kind fitness"],
)
def test_what_others_have_named_is_printed_and_not_obeyed(command, call, hostile_directory):
    name, *arguments = command.split()
    shown = call(name, hostile_directory, *arguments)
    assert not {"\x1b", "\x07", "\udcff"} & {*shown}
    assert ("a\ufffd\ufffd[2Jb" in shown) == (name not in ("diff", "lineage"))


def test_an_error_of_what_others_have_named_is_printed_and_not_obeyed(refused, tmp_path):
    assert "a\ufffd\ufffd[2Jb is not a run" in refused("show", tmp_path / HOSTILE_NAME)


@pytest.mark.parametrize("no_color", ["", "1"])
def test_dead_statements_are_dimmed_on_a_terminal_that_wants_colour(run_directory, monkeypatch, no_color):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("NO_COLOR", no_color)
    assert main(["show", str(run_directory), "2"]) == 0
    shown = sys.stdout.getvalue()
    assert ("\x1b[2m  x = sign(w)\x1b[0m\n" in shown) == (no_color == "")
    assert ("  x = sign(w)  # dead\n" in shown) == (no_color == "1")


def test_digest_is_that_of_the_children_up_to_a_number(call, run_directory, tmp_path):
    whole, prefix = call("digest", run_directory), call("digest", run_directory, "--upto", 2)
    assert re.fullmatch(r"[0-9a-f]{64}\n", whole)
    assert call("digest", run_directory, "--upto", 5) == whole != prefix
    shorter = tmp_path / "shorter"
    shorter.mkdir()
    source, copy = sqlite3.connect(run_directory / FILE_NAME), sqlite3.connect(shorter / FILE_NAME)
    source.backup(copy)
    copy.execute("DELETE FROM children WHERE id > 2")
    copy.commit()
    source.close()
    copy.close()
    assert call("digest", shorter) == prefix


def test_a_child_that_there_is_not_is_refused(refused, run_directory):
    for line in (["show", run_directory, 6], ["export", run_directory, 6], ["digest", run_directory, "--upto", 6]):
        assert f"there is no child 6: {run_directory} has 0 to 5" in refused(*line)


@pytest.mark.parametrize("command", ["show", "export", "digest"])
def test_a_directory_that_is_no_run_is_refused(command, refused, tmp_path):
    assert "is not a run" in refused(command, tmp_path)
    (tmp_path / FILE_NAME).write_bytes(b"not a journal" * 100)
    assert "is not a journal" in refused(command, tmp_path)


def test_a_damaged_journal_is_refused(refused, run_directory):
    path = run_directory / FILE_NAME
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))
    assert "journal cannot be used" in refused("digest", run_directory)


def test_tasks_lists_every_task_at_every_scale(call):
    rows = [line.split() for line in call("tasks").splitlines()[1:]]
    assert {row[0] for row in rows if row[0][0] != "["} == set(TASKS)  # such lines say what data is not here
    assert ["digits", "1", "2410", "200"] in rows


def test_config_prints_the_defaults_or_a_file(call, refused, tmp_path):
    assert call("config") == describe(Config())
    path = tmp_path / "mine.yaml"
    path.write_text("seed: 3")
    assert call("config", path) == describe(Config(seed=3))
    path.write_text("sed: 3")
    assert f"{path}:1: sed: unknown key" in refused("config", path)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Config, Path]]:
    """Puts aside the searches that the command line starts."""
    started: list[tuple[Config, Path]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(search, "run", lambda config, directory, console: started.append((config, directory)))
    monkeypatch.setattr(search, "summary", lambda result, command: "the summary")
    return started


def test_run_starts_the_configured_search_in_the_first_free_directory(runs, capsys):
    Path("runs/quickstart-1").mkdir(parents=True)
    assert main(["run", "quickstart", "--set", "seed=5", "--set", "budget.generated=7"]) == 0
    ((config, directory),) = runs
    assert config == load_config(Path("quickstart"), ["seed=5", "budget.generated=7"])
    assert directory == Path("runs/quickstart-2")
    assert capsys.readouterr().out == "the summary\n"


def test_run_takes_an_empty_or_new_directory(runs):
    Path("empty").mkdir()
    assert main(["run", "quickstart", "--out", "empty"]) == main(["run", "quickstart", "--out", "new/one"]) == 0
    assert [directory for _, directory in runs] == [Path("empty"), Path("new/one")]


def test_run_overwrites_nothing(runs, refused, run_directory, program_file):
    before = (run_directory / FILE_NAME).read_bytes()
    assert "is not empty" in refused("run", "quickstart", "--out", run_directory)
    assert "is a file" in refused("run", "quickstart", "--out", program_file)
    assert "cannot be used" in refused("run", "quickstart", "--out", program_file / "below")
    assert (run_directory / FILE_NAME).read_bytes() == before
    assert runs == []


def test_run_makes_no_directory_for_a_configuration_that_is_refused(runs, refused, tmp_path):
    assert "seed: 'x'" in refused("run", "quickstart", "--set", "seed=x")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_outcome_of_every_kind_is_counted(call, tmp_path):
    journal = Journal(tmp_path)
    programs = [dsl.known("sgd", learning_rate=rate) for rate in (0.1, 0.2, 0.3)]
    kinds = [evaluation((0.5,)), evaluation(()), Evaluation(STOPPED_EARLY, None, ())]
    for id, (program, found) in enumerate(zip(programs, kinds, strict=True)):
        journal.record(Child(id, 0 if id else None, "modify", program, dsl.canonical_hash(program), found, True))
    journal.close()
    assert "2 of them trained (1 non-finite, 1 stopped early)" in call("show", tmp_path)
