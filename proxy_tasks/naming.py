"""How tasks are named in a configuration: NAME, or NAME,setting=value,..., and several with " + " between."""

from __future__ import annotations

import ast
from typing import Any

from proxy_tasks.errors import TaskError


def several(text: str) -> list[str]:
    """The names of the tasks that a text joins.

    >>> several("digits_vit + language,context=64")
    ['digits_vit', 'language,context=64']
    """
    return [name.strip() for name in text.split(" + ")]


def place_and_settings(name: str) -> tuple[str, dict[str, Any]]:
    """A task's name without the settings that follow it, and these, as Python values where they are such.

    >>> place_and_settings("digits_vit,batch=64,fitness=accuracy")
    ('digits_vit', {'batch': 64, 'fitness': 'accuracy'})

    Raises:
        TaskError: for what is no setting, or is given twice.
    """
    place, *given = name.split(",")
    settings: dict[str, Any] = {}
    for text in given:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and key.isidentifier()) or key in settings:
            raise TaskError(f"{name}: {text.strip()!r} is no setting: write name=value, each once, with commas between")
        if key == "scale":
            raise TaskError(f"{name}: the scale is not a setting of a task: give it as `scale`")
        try:
            settings[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[key] = value
    return place.strip(), settings
