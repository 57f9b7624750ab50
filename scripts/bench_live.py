"""What the live view costs: a search with it, on a terminal of 100 x 30, and the same with --quiet.

    python scripts/bench_live.py [--config CONFIG] [--set KEY=VALUE]... [--json FILE]

`view, s` is the processor time that looking and drawing took; `driver, s` that of the whole process that searches,
without its workers, from the first step to the last. The bar for the view is 2 % of a core. Prints a table, then the
same as JSON. With the quick start it takes about three minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from proxy_tasks.environment import single_threaded

ROWS, COLUMNS = 30, 100


def searched(arguments: argparse.Namespace, mode: str, out: str) -> None:
    """A search in this process; writes what it took to a file."""
    single_threaded()
    import search
    from search.configuration import load_config

    spent, looks = 0.0, 0
    show = search.Console.show

    def timed(console: search.Console, view: Any) -> None:
        nonlocal spent, looks
        show(console, view)
        if threading.current_thread() is not threading.main_thread():
            spent, looks = time.thread_time(), looks + 1  # of the thread, which does nothing but look and draw

    search.Console.show = timed  # type: ignore[method-assign]
    before, began = cpu(), time.monotonic()
    result = search.run(load_config(arguments.config, arguments.set), f"{out}-run", search.Console(mode == "quiet"))
    row = {
        "children": result.totals.generated,
        "seconds": time.monotonic() - began,
        "driver, s": cpu() - before,
        "view, s": spent,
        "view, looks": looks,
        "view, share of a core": spent / (time.monotonic() - began),
    }
    Path(out).write_text(json.dumps(row))


def cpu() -> float:
    """Seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def on_a_terminal(command: list[str]) -> str:
    """Runs a command on a terminal; what was drawn there."""
    import fcntl
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    drawn = b""
    while True:
        try:
            drawn += os.read(ours, 65536)
        except OSError:  # nobody has it open any more
            break
    os.close(ours)
    if process.wait():
        raise SystemExit(drawn.decode())
    return drawn.decode()


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("quickstart"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path, help="takes the figures")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        searched(arguments, *arguments.inside)
        return
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        for mode in ("view", "quiet"):
            out = f"{directory}/{mode}"
            on_a_terminal([sys.executable, *sys.argv, "--inside", mode, out])
            found[mode] = json.loads(Path(out).read_text())
    print(f"{'':<24}" + "".join(f"{mode:>12}" for mode in found))
    for name in found["view"]:
        print(f"{name:<24}" + "".join(f"{row[name]:>12.4g}" for row in found.values()))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
