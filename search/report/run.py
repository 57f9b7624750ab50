"""What the run was: configuration, versions, machine, times, and how to do it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from search.config import Config
from search.configuration import config_from_dict, describe, to_dict
from search.errors import SearchError
from search.journal import Reader
from search.report.code import Block, block
from search.report.table import Cell, Table
from search.result import Result
from search.searches import is_restart


def configuration_block(result: Result) -> Block:
    """The configuration as YAML that `optsearch run` takes."""
    try:
        text = describe(config_from_dict(result.config, "the run"))
    except SearchError:  # of another version
        text = yaml.safe_dump(result.config, allow_unicode=True, sort_keys=False)
    return block("configuration-yaml", "The whole configuration, as optsearch run takes it", text, "yaml")


def changed_table(result: Result) -> Table:
    """The keys whose values are not the defaults."""
    defaults = dict(_flat(to_dict(Config())))
    rows: list[list[Cell]] = [
        [key, _shown(value), _shown(defaults[key]) if key in defaults else "unknown to this version"]
        for key, value in _flat(result.config)
        if key not in defaults or defaults[key] != value
    ]
    return Table("What differs from the defaults", ["key", "value", "default"], rows)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _shown(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6).removesuffix("...\n").strip()


def machine_table(result: Result) -> Table:
    """Versions, machines and seconds."""
    reader = Reader(result.directory)
    origin = reader.fact("origin") or {}
    rows: list[list[Cell]] = [
        [name, str(origin[name])] for name in ("python", "platform", "jax", "jaxlib", "numpy") if name in origin
    ]
    rows += [[f"version of the task x{scale}", version] for scale, version in origin.get("tasks", {}).items()]
    rows += [["file of the task", file] for file in origin.get("files", [])]
    rows += [["digest of optsearch's sources", origin["sources"]]] if "sources" in origin else []
    rows += [["went on under other versions", "yes"]] if reader.fact("mixed") else []
    rows += [[f"machine at x{scale}", machine] for scale, machine in result.machines.items()]
    rows += [[f"seconds: {step}", f"{seconds:,.1f}"] for step, seconds in result.seconds.items()]
    return Table("Versions, machines and wall-clock seconds", ["what", "value"], rows)


def repeatable(result: Result) -> bool:
    """Whether a run of the same configuration may find the same: not what went on under other versions, or a restart,
    which begins from what other searches have found."""
    return not Reader(result.directory).fact("mixed") and not is_restart(result.directory)


def _again(result: Result) -> list[str]:
    lines = ["# with the configuration above in run.yaml", "optsearch run run.yaml --out again"]
    ended = result.winner_key is not None
    if not repeatable(result) or not (ended or "" in result.searches):  # of several, each would have got elsewhere
        return lines
    upto = "" if ended else f" --upto {result.totals.generated}"
    return [*lines, f"optsearch digest again{upto}  # the digest above, if it found the same"]


def commands_block(result: Result) -> Block:
    """The commands that do it again."""
    directory = shlex.quote(result.directory.resolve().name)  # the page does not depend on where it was made
    lines = [
        *(_again(result) if result.config and not is_restart(result.directory) else []),
        f"optsearch show {directory}",
        f"optsearch export {directory} --to optax",
    ]
    return block("commands", "Commands", "\n".join(lines), "bash", open=True)
