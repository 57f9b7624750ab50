"""The root of the errors that a search raises for its user."""

from __future__ import annotations


class SearchError(Exception):
    """What was wrong, where, and how to mend it."""
