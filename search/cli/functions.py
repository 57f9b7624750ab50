"""Lists the functions of the language.

example:
  optsearch functions
"""

from __future__ import annotations

import argparse

from dsl.functions import FUNCTIONS, SPELLINGS

TYPES = """The types are SCALAR (one number) < LEAFWISE (one number for each array of the weights) <
TREE (shaped like the weights); the join of types is the largest of them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand: none."""


def run(arguments: argparse.Namespace) -> int:
    """Prints how each function is called and what it means, under the types that it takes and gives."""
    print(TYPES)
    width = max(len(function.usage()) for function in FUNCTIONS.values())
    for types in dict.fromkeys(function.types for function in FUNCTIONS.values()):
        print(f"takes {types}:")
        for function in FUNCTIONS.values():
            if function.types == types:
                print(f"  {function.usage():<{width}}  {function.formula}")
        print()
    also = ", ".join(f"{spelling} for {name}" for spelling, name in SPELLINGS.items())
    print(f"Also read: {also}; x ** y for power, -x for negative.")
    return 0
