"""Data as JSON that every reader takes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any


def to_json(data: Any, indent: int | None = None) -> str:
    """Data as JSON; what is not a finite number is null.

    Args:
        data: mappings, sequences and plain values.
        indent: spaces a level; None for one line.

    >>> to_json({1: (float("nan"), 0.5)})
    '{"1": [null, 0.5]}'
    """
    return json.dumps(_finite(data), indent=indent, allow_nan=False)


def _finite(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, Sequence) and not isinstance(data, str):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
