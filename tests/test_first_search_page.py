"""The tutorial: its commands run one after the other, and print what it shows.

Numbers and programs are those of the machine that the page was made on; they are not compared.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import search
from search.cli import main

PAGE = (Path(__file__).parents[1] / "docs" / "first-search.md").read_text(encoding="utf-8")


def blocks() -> list[tuple[str, list[str]]]:
    """The commands with the lines that they printed."""
    found = re.findall(r"```console\n\$ optsearch (.*)\n((?:.*\n)*?)```", PAGE)
    return [(command, output.splitlines()) for command, output in found]


def words(lines: list[str]) -> set[str]:
    """What another machine, which finds another program, prints as well: lines without numbers and code; columns may
    be of another width."""
    kept = [line for line in lines if line.strip() and not re.search(r"[\d=()#]|^ *([-+]|return) ", line)]
    return {" ".join(line.split()) for line in kept}


def test_the_commands_of_the_tutorial_do_what_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shown_winner = next(re.findall(r"The winner, child (\d+)", "\n".join(lines))[0] for _, lines in blocks())
    assert len(blocks()) == 7
    for command, expected in blocks():
        if shown_winner in command.split():
            command = command.replace(shown_winner, str(search.load("runs/first").winner_key))
        assert main(shlex.split(command)) == 0
        printed = capsys.readouterr().out.splitlines()
        if not command.startswith(("diff", "export")):
            assert words(expected) <= words(printed), command
        assert expected and (command.startswith("diff") or printed[0].split()[0] == expected[0].split()[0])
    assert search.load("runs/first").totals.generated == 4000
