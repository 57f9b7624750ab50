"""Writes what the documentation takes from the code: the functions in docs/language.md, the keys in
docs/configuration.md.

python scripts/make_docs.py            # after a change of dsl/functions.py or search/config.py
python scripts/make_docs.py --check    # changes nothing; exit code 1 if a page is not current
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout, not what is installed

from dsl.functions import FUNCTIONS
from search.config import Config
from search.configuration import sections

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN = "<!-- written by scripts/make_docs.py -->\n"
END = "<!-- end -->"


def functions() -> str:
    """The functions in Markdown, a row each."""
    rows = [(f"`{row.usage()}`", escape(row.formula), str(row.types)) for row in FUNCTIONS.values()]
    return table(("function", "meaning", "types"), rows)


def configuration() -> str:
    """The keys of a configuration in Markdown, a table for each section."""
    parts = []
    for name, meaning, keys in sections(Config()):
        title = f"## `{name}`: {meaning}\n\n" if name else ""
        rows = [(f"`{key}`", f"`{escape(default)}`", extent, escape(told)) for key, default, extent, told in keys]
        parts.append(title + table(("key", "default", "range", "meaning"), rows))
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {"language.md": functions, "configuration.md": configuration}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def escape(text: str) -> str:
    """Text as it stands in a cell of a table."""
    return text.replace("|", "\\|")


def updated(text: str, part: str) -> str:
    """The page with the part that is taken from the code as it is now."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + part + END + after


def main(arguments: list[str], docs: Path = DOCS) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if a page is not current")
    check, code = parser.parse_args(arguments).check, 0
    for name, part in PAGES.items():
        text = (docs / name).read_text(encoding="utf-8")
        current = updated(text, part())
        if current != text and check:
            print(f"{docs / name} is not current: run python scripts/make_docs.py", file=sys.stderr)
            code = 1
        elif current != text:
            (docs / name).write_text(current, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
