"""Writes what the documentation takes from the code: the table of functions in docs/language.md.

python scripts/make_docs.py            # after a change of dsl/functions.py
python scripts/make_docs.py --check    # changes nothing; exit code 1 if the table is not current
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the checkout, not what is installed

from dsl.functions import FUNCTIONS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "language.md"
BEGIN = "<!-- functions: written by scripts/make_docs.py from dsl/functions.py -->\n"
END = "<!-- end of functions -->"


def table() -> str:
    """The functions in Markdown, a row each."""
    lines = ["| function | meaning | types |", "| --- | --- | --- |"]
    for function in FUNCTIONS.values():
        lines.append(f"| `{function.usage()}` | {escape(function.formula)} | {function.types} |")
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text as it stands in a cell of a table."""
    return text.replace("|", "\\|")


def updated(text: str) -> str:
    """The page with the table as it is now."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table() + END + after


def main(arguments: list[str], page: Path = PAGE) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if the table is not current")
    check = parser.parse_args(arguments).check
    text = page.read_text(encoding="utf-8")
    if updated(text) == text:
        return 0
    if check:
        print(f"{page}: the table of functions is not current: run python scripts/make_docs.py", file=sys.stderr)
        return 1
    page.write_text(updated(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
