"""Prints a configuration in full, with the meaning, range and default of each key: the defaults, or that of a file.

examples:
  optsearch config > my_search.yaml
  optsearch config quickstart
"""

from __future__ import annotations

import argparse
from pathlib import Path

from proxy_tasks.environment import single_threaded
from search.config import Config
from search.configuration import describe, load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of this subcommand."""
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="a YAML file, or a shipped one by name: quickstart")


def run(arguments: argparse.Namespace) -> int:
    """Prints YAML that `optsearch run` reads."""
    single_threaded()  # a task that is not the default is looked up, which imports JAX
    config = load_config(Path(arguments.config)) if arguments.config else Config()
    print(describe(config), end="")
    return 0
