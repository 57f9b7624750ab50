"""The command line, `optsearch SUBCOMMAND`: one file a subcommand, and what happens to errors."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from types import ModuleType
from typing import NoReturn

from dsl import ProgramError
from dsl.errors import MachineError
from proxy_tasks import TaskError
from search.cli import (
    check,
    config,
    diff,
    digest,
    doctor,
    export,
    functions,
    lineage,
    ls,
    plot,
    report,
    resume,
    run,
    show,
    simplify,
    tasks,
    watch,
)
from search.cli.arguments import add_commands
from search.console import Console
from search.errors import SearchError
from search.printable import printable

# A subcommand is a module with `add_arguments(parser)` and `run(arguments) -> exit code`; its docstring is its help.
COMMANDS: dict[str, ModuleType] = {
    "run": run,
    "resume": resume,
    "watch": watch,
    "ls": ls,
    "show": show,
    "report": report,
    "plot": plot,
    "lineage": lineage,
    "diff": diff,
    "check": check,
    "simplify": simplify,
    "export": export,
    "tasks": tasks,
    "functions": functions,
    "config": config,
    "digest": digest,
    "doctor": doctor,
}

ERROR, INTERRUPTED, BROKEN_PIPE = 2, 130, 141  # exit codes; the last two are what a shell makes of the signals


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: the arguments; those of the process if None.

    Returns:
        The exit code; a process that is interrupted ends here.
    """
    arguments = _parser().parse_args(argv)
    as_json = getattr(arguments, "log_format", "text") == "json"
    if not getattr(arguments, "quiet", False):
        _show_log()
    try:
        code = COMMANDS[arguments.command].run(arguments)
        sys.stdout.flush()
        return code
    except (SearchError, ProgramError, TaskError, MachineError) as error:
        notes = getattr(error, "__notes__", ())  # the traceback of a user's task
        return _fail(str(error), ERROR, as_json, notes)
    except sqlite3.DatabaseError as error:
        return _fail(f"the journal cannot be used: {error}", ERROR, as_json)
    except KeyboardInterrupt as error:
        if argv is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        _fail(f"interrupted: {error}" if str(error) else "interrupted", INTERRUPTED, as_json)
        return INTERRUPTED if argv is not None else _leave()
    except BrokenPipeError:
        _drop_output()
        return BROKEN_PIPE
    except OSError as error:  # a full disk, say
        _drop_output()
        return _fail(str(error), ERROR, as_json)


def _show_log() -> None:
    """Shows what tasks tell of their work."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("proxy_tasks")
    log.handlers, log.level = [handler], logging.INFO


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="optsearch", description="Finds neural-network optimizers by evolving programs (arXiv 2302.06675)."
    )
    parser.add_argument("--version", action="version", version=f"optsearch {_version()}")
    add_commands(parser, COMMANDS, "command", "SUBCOMMAND", required=True)
    return parser


def _version() -> str:
    try:
        return metadata.version("optsearch")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _leave() -> NoReturn:
    """Ends the process at once: what JAX and Ray do at exit crashes, or has a code of its own, if it is interrupted."""
    with suppress(OSError):  # a terminal that is gone
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(INTERRUPTED)


def _drop_output() -> None:
    """What is left in the buffer goes nowhere: Python would fail on it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int, as_json: bool, notes: Sequence[str] = ()) -> int:
    """Says what went wrong, in one line below the notes; the code."""
    text = " ".join(message.splitlines())
    if as_json:
        Console(as_json=True).line(text, "error", code=code, notes=list(notes))
        return code
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""  # a line of progress may stand there
    with suppress(OSError):  # a terminal that is gone
        print(*map(printable, notes), f"{clear}optsearch: {printable(text)}", sep="\n", file=sys.stderr)
    return code
