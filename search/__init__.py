"""How programs are found: evolution, the journal, the funnel, and the command line."""

from search.config import Config
from search.errors import SearchError
from search.pipeline import run
from search.result import Result, load
from search.summary import summary

__all__ = ["Config", "Result", "SearchError", "load", "run", "summary"]
