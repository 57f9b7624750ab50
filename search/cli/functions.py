"""Lists the functions of the language.

example:
  optsearch functions
"""

from __future__ import annotations

import argparse

from dsl.functions import FUNCTIONS, SPELLINGS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand: none."""


def run(arguments: argparse.Namespace) -> int:
    """Prints a line for each function: name, arguments, meaning, types."""
    print(f"{'function':<20} {'arguments':>9}  {'meaning':<44}  types")
    for function in FUNCTIONS.values():
        print(f"{function.name:<20} {function.arity:>9}  {function.formula:<44}  {function.rule.value}")
    also = ", ".join(f"{spelling} for {name}" for spelling, name in SPELLINGS.items())
    print(f"\nAlso read: {also}; x ** y for power, -x for negative.")
    return 0
