"""The report of a run: one HTML page that needs nothing beside it."""

from __future__ import annotations

from search.result import Result


def report(result: Result) -> str:
    """The report of a run, finished or not, as one HTML page: it loads nothing, and the same run gives the same page.

    Args:
        result: of the run.
    """
    from search.report.page import page  # matplotlib and jinja2 are slow to import, and no worker needs them

    return page(result)
