"""Reading and showing configurations: strict, and driven by the fields of `Config` alone."""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from dsl.checker import nearest
from dsl.vm import MACHINES
from proxy_tasks import TaskError
from search.config import Config, FunnelConfig
from search.errors import SearchError
from search.programs import read_program
from search.strict_yaml import ConfigError, read_yaml
from search.workers import WORKERS

__all__ = ["ConfigError", "config_from_dict", "describe", "load_config", "override_config", "to_dict"]

_HERE = Path(__file__).parent
# Beside this file once installed, at the top of a checkout.
SHIPPED = _HERE / "configs" if (_HERE / "configs").is_dir() else _HERE.parent / "configs"


_EXPECTED = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")  # YAML takes 1e-3 for text

Keys = tuple[str, ...]


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Reads a configuration and checks all that can be checked before the run.

    Args:
        path: of a YAML file, or the name of a shipped configuration, such as `quickstart`.
        overrides: `a.b=c`, with YAML for c: values that replace those of the file.

    Raises:
        ConfigError: with file, line and key, and what to write instead.
    """
    path = _find(path)
    data, lines = read_yaml(_text(path), str(path))
    if data is None:
        raise ConfigError(f"{path} is empty: the smallest configuration is the line `task: {Config.task}`")
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: {_shown(data)} is no configuration: write lines `key: value`")
    source = _Source(str(path), {keys: f"{path}:{line}" for keys, line in lines.items()})
    config = _overridden(data, overrides, source)
    _check_programs_and_tasks(config, source)
    return config


def override_config(data: Mapping[str, Any], where: str, overrides: Sequence[str]) -> Config:
    """A configuration from plain values, some of them replaced; its task and its warm start are not looked up.

    Args:
        data: values, such as `to_dict` gives.
        where: what to call them in errors.
        overrides: as for `load_config`.

    Raises:
        ConfigError: with the key, and what to write instead.
    """
    return _overridden(deepcopy(dict(data)), overrides, _Source(where))


def _overridden(data: dict[str, Any], overrides: Sequence[str], source: _Source) -> Config:
    for override in overrides:
        _override(data, override, source)
    return _read(data, source)


def config_from_dict(data: Mapping[str, Any], where: str) -> Config:
    """A configuration from plain values, such as `to_dict` gives; `where` is what to call them in errors.

    Raises:
        ConfigError: with the key, and what to write instead.
    """
    return _read(data, _Source(where))


def to_dict(config: Any) -> dict[str, Any]:
    """A configuration as plain values, as JSON and YAML hold them."""
    return {name: _plain(value) for name, value in vars(config).items()}


def describe(config: Config) -> str:
    """A configuration as YAML that `load_config` reads, with the meaning, range and default of each key."""
    return "\n".join(_describe(config, type(config)(), "")) + "\n"


def sections(config: Any, name: str = "") -> Iterator[tuple[str, str, list[tuple[str, str, str, str]]]]:
    """The configuration reference: of each section its name, its meaning and its keys.

    Args:
        config: the defaults, or one of their sections.
        name: of that section, with a dot behind it.

    Yields:
        (name, "" for the keys that are in no section; meaning; (key, default as YAML, range, meaning) of each key).
    """
    parts = [(part, getattr(config, part.name)) for part in fields(config)]
    keys = [
        (f"{name}{part.name}", _yaml(value), _range(part.metadata), part.metadata["meaning"])
        for part, value in parts
        if not is_dataclass(value)
    ]
    yield name.rstrip("."), "", keys
    for part, value in parts:
        if is_dataclass(value):
            (_, _, inner), *others = sections(value, f"{name}{part.name}.")
            yield f"{name}{part.name}", part.metadata["meaning"], inner
            yield from others


@dataclass(frozen=True)
class _Source:
    """Where values come from: what to call the whole, and the place of each key that is known."""

    where: str
    places: dict[Keys, str] = field(default_factory=dict)

    def error(self, keys: Keys, problem: str) -> ConfigError:
        """The error about a key: at its place, or that of the innermost section around it."""
        around = (self.places.get(keys[:length]) for length in range(len(keys), 0, -1))
        place = next((place for place in around if place), self.where)
        return ConfigError(": ".join(filter(None, (place, ".".join(keys), problem))))


def _find(path: Path) -> Path:
    shipped = {file.stem: file for file in sorted(SHIPPED.glob("*.yaml"))}
    if not os.path.isfile(path) and str(path) in shipped:
        return shipped[str(path)]
    names = ", ".join(shipped) or "none"
    if os.path.isdir(path):
        raise ConfigError(f"{path} is a directory: give a YAML file, or the name of a shipped configuration ({names})")
    if not os.path.exists(path):
        beside = [str(file) for file in path.parent.glob("*.y*ml")] if os.path.isdir(path.parent) else []
        hint = nearest(str(path), [*shipped, *beside])
        raise ConfigError(f"there is no configuration {path}{hint or f'; the shipped ones are {names}'}")
    return path


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8 (byte {error.start}): give a YAML file") from None


def _override(data: dict[str, Any], override: str, source: _Source) -> None:
    """Puts the value of `a.b=c` into the data, and its place into the source."""
    name, equals, text = override.partition("=")
    if not name or not equals:
        raise ConfigError(f"--set {override}: write key=value, such as --set budget.generated=1000")
    origin, keys = f"--set {override}", tuple(name.split("."))
    value, _ = read_yaml(text, origin)
    for depth, key in enumerate(keys[:-1], start=1):
        if key not in data:
            source.places[keys[:depth]] = origin
        data = data.setdefault(key, {})
        if not isinstance(data, dict):
            raise source.error(keys[:depth], f"{_shown(data)} has no keys, and so no {name}")
    for known in [known for known in source.places if known[: len(keys)] == keys]:
        del source.places[known]
    data[keys[-1]], source.places[keys] = value, origin


def _read(data: Any, source: _Source) -> Config:
    config = _section(Config, data, (), source)
    for keys, problem in _contradictions(config):
        raise source.error(keys, problem)
    return config


def _section(kind: Any, data: Any, keys: Keys, source: _Source) -> Any:
    """A dataclass from a mapping; keys that are not given keep their defaults."""
    known = get_type_hints(kind)
    if not isinstance(data, Mapping):
        raise source.error(keys, f"{_shown(data)} where keys are expected: {', '.join(known)}")
    for key in data:
        if key not in known:
            raise source.error((*keys, str(key)), f"unknown key{_other_key(str(key), keys, known)}")
    values = {}
    for part in fields(kind):
        if part.name in data:
            path, value, type_ = (*keys, part.name), data[part.name], known[part.name]
            try:
                if is_dataclass(type_):
                    values[part.name] = _section(type_, value, path, source)
                elif get_origin(type_) is tuple:
                    values[part.name] = _list(get_args(type_)[0], value, part.metadata)
                else:
                    values[part.name] = _scalar(type_, value, part.metadata)
            except _Problem as problem:
                raise source.error(path, str(problem)) from None
    try:
        return kind(**values)
    except ValueError as error:  # values that are possible one by one
        raise source.error(keys, str(error)) from None


def _other_key(key: str, section: Keys, known: Mapping[str, Any]) -> str:
    """The nearest key of the section, or the same key of another one."""
    near = nearest(key, known)
    if near:
        return near
    elsewhere = [".".join(keys) for keys in _all_keys(Config) if keys[-1] == key]
    if not elsewhere:
        elsewhere = difflib.get_close_matches(".".join((*section, key)), map(".".join, _all_keys(Config)), n=1)
    return f"; did you mean {' or '.join(elsewhere)}?" if elsewhere else f"; the keys here are {', '.join(known)}"


def _all_keys(kind: Any, keys: Keys = ()) -> Iterator[Keys]:
    for name, type_ in get_type_hints(kind).items():
        yield (*keys, name)
        if is_dataclass(type_):
            yield from _all_keys(type_, (*keys, name))


class _Problem(Exception):
    """What is wrong with one value."""


def _list(kind: type, value: Any, metadata: Mapping[str, Any]) -> tuple:
    length = metadata["length"]
    if not isinstance(value, list | tuple):
        remedy = ", ".join([_shown(value)] * (length or 1))
        raise _Problem(f"{_shown(value)} where a list is expected: write [{remedy}]")
    if length and len(value) != length:
        raise _Problem(f"a list of {len(value)}: write {length} values, each {_EXPECTED[kind]}{_range(metadata, ', ')}")
    if not value and not metadata["empty"]:
        raise _Problem(f"the list is empty: give at least one value, {_EXPECTED[kind]}{_range(metadata, ' of ')}")
    items = tuple(_scalar(kind, item, metadata) for item in value)
    repeated = [item for index, item in enumerate(items) if item in items[:index]]
    if repeated and not length:  # values for different things may be equal
        raise _Problem(f"{repeated[0]} stands twice: remove one")
    return items


def _scalar(kind: type, value: Any, metadata: Mapping[str, Any]) -> Any:
    if kind is float and isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if kind is float and type(value) is int:
        value = float(value) if abs(value) < 10**300 else math.inf
    if type(value) is not kind:
        whole = kind is int and _NUMBER.fullmatch(str(value)) and float(value).is_integer()
        remedy = f": write {int(float(value))}" if whole else ""  # for 1e5 and 5.0
        remedy = f": write {metadata['remedy']}" if metadata.get("remedy") else remedy
        raise _Problem(f"{_shown(value)} where {_EXPECTED[kind]} is expected{_range(metadata, ', ')}{remedy}")
    if isinstance(value, str) and not (value.strip() and value.isprintable()):
        raise _Problem(f"{_shown(value)} where a name is expected")
    if isinstance(value, float) and not math.isfinite(value):
        raise _Problem(f"{value} where a finite number is expected{_range(metadata, ', ')}")
    low, high = metadata["low"], metadata["high"]
    if (low is not None and value < low) or (high is not None and value > high):
        raise _Problem(f"{_shown(value)} is out of range: write {_EXPECTED[kind]}, {_range(metadata)}")
    return value


def _contradictions(config: Config) -> Iterator[tuple[Keys, str]]:
    """Values that are possible one by one but not together, or not yet."""
    if config.machine not in MACHINES:
        yield ("machine",), f"unknown machine {config.machine!r}: write {', '.join(MACHINES[:-1])} or {MACHINES[-1]}"
    if config.workers not in WORKERS:
        yield ("workers",), f"unknown workers {config.workers!r}: write {' or '.join(WORKERS)}"
    for given in config.ray.resources:
        if not re.fullmatch(r"[^=]+=\d+(\.\d+)?", given):
            yield ("ray", "resources"), f"{_shown(given)} is no resource: write name=amount, such as tpu=1"
    if config.tournament > config.population:
        yield ("tournament",), f"{config.tournament} is more than the population of {config.population}: write fewer"
    if small := [scale for scale in config.funnel.scales if scale <= config.scale]:
        yield ("funnel", "scales"), f"{small[0]} is not larger than the scale of the search, {config.scale}: write more"
    budget = config.budget
    if not (budget.generated or budget.trained or budget.seconds):
        yield ("budget",), "there is no limit: set generated, trained or seconds above 0"


def _check_programs_and_tasks(config: Config, source: _Source) -> None:
    try:
        read_program(config.start)
    except SearchError as error:
        raise source.error(("start",), str(error)) from None
    if (config.task, config.scale, config.funnel.scales) == (Config.task, Config.scale, FunnelConfig.scales):
        return  # the defaults exist; any other task is looked up, which imports JAX
    from proxy_tasks import get_all

    scales = [(("task",), 1), (("scale",), config.scale), *((("funnel", "scales"), s) for s in config.funnel.scales)]
    for keys, scale in scales:
        try:
            get_all(config.task, scale)
        except TaskError as error:
            raise source.error(keys, str(error)) from None


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return to_dict(value)
    return list(value) if isinstance(value, tuple) else value


def _describe(config: Any, default: Any, margin: str) -> Iterator[str]:
    for part in fields(config):
        value, usual = getattr(config, part.name), getattr(default, part.name)
        if is_dataclass(value):
            yield from ("", f"{margin}# {part.metadata['meaning']}", f"{margin}{part.name}:")
            yield from _describe(value, usual, margin + "  ")
        else:
            changed = f"default {_yaml(usual)}" if value != usual else ""
            notes = "; ".join(filter(None, (_range(part.metadata), changed)))
            yield f"{margin}# {part.metadata['meaning']}{f' ({notes})' if notes else ''}"
            yield f"{margin}{part.name}: {_yaml(value)}"


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(_plain(value), default_flow_style=True, width=math.inf, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _range(metadata: Mapping[str, Any], before: str = "") -> str:
    """`1 to 1000`, `1 or more`, or nothing; behind `before`."""
    low, high = (_number(metadata[end]) for end in ("low", "high"))
    if not low:
        return ""
    return f"{before}{low} to {high}" if high else f"{before}{low} or more"


def _number(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:g}"


def _shown(value: Any) -> str:
    """A value as its author wrote it, about."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else f"{text[:60]}..."
