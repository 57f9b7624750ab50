"""Reading YAML strictly: plain values, the line of each key, and one line of text for whatever is wrong."""

from __future__ import annotations

import re
from typing import Any

import yaml

from search.errors import SearchError

_MAP, _LIST = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
# YAML 1.1 reads 010 as 8 and 1:30 as 90: what the author meant is anyone's guess.
_SURPRISE = re.compile(r"[-+]?0[0-9_]+|.*:.*")


class ConfigError(SearchError):
    """A configuration that is not one: the file, the line, the key and the remedy."""


def read_yaml(text: str, where: str) -> tuple[Any, dict[tuple[str, ...], int]]:
    """The values of a YAML text.

    Args:
        text: one document.
        where: what to call the text in errors.

    Returns:
        Plain values, with text for every key, or None for an empty text; and the line of each key, counted from 1.

    Raises:
        ConfigError: for anything that is not YAML, repeated keys, aliases and tags.
    """
    lines: dict[tuple[str, ...], int] = {}
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return None if node is None else _value(loader, node, (), lines), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + 1}" if mark else where
        problem = ", ".join(filter(None, (error.context, error.problem)))
        raise ConfigError(f"{place}: {'' if isinstance(error, _Refused) else 'not YAML: '}{problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise ConfigError(f"{where}: not a configuration: its values nest too deep") from None


class _Refused(yaml.MarkedYAMLError):
    """YAML, but none that a configuration is written in; `at` is a node or an event."""

    def __init__(self, problem: str, at: Any):
        super().__init__(problem=problem, problem_mark=at.start_mark)


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise _Refused("aliases are not read here: write the value out", self.peek_event())
        return super().compose_node(parent, index)


def _value(loader: _Loader, node: yaml.Node, keys: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> Any:
    if isinstance(node, yaml.MappingNode) and node.tag == _MAP:
        return _mapping(loader, node, keys, lines)
    if isinstance(node, yaml.SequenceNode) and node.tag == _LIST:
        return [_value(loader, item, keys, {}) for item in node.value]
    if not isinstance(node, yaml.ScalarNode):
        raise _Refused("tags are not read here: remove it", node)
    try:
        value = loader.construct_object(node)
    except ValueError:  # a date in month 13, or a number of 5,000 digits
        raise _Refused(f"{node.value[:40]!r} cannot be read: quote it if it is text", node) from None
    if isinstance(value, int | float) and _SURPRISE.fullmatch(node.value):
        raise _Refused(f"YAML reads {node.value} as {value}: write the plain number, or quote it", node)
    return value


def _mapping(
    loader: _Loader, node: yaml.MappingNode, keys: tuple[str, ...], lines: dict[tuple[str, ...], int]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _Refused("a key is one word: write key: value", key)
        path = (*keys, key.value)
        if key.value in values:
            raise _Refused(f"{'.'.join(path)} stands twice, first on line {lines[path]}: remove one", key)
        lines[path] = key.start_mark.line + 1
        values[key.value] = _value(loader, value, path, lines)
    return values
