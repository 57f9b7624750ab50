"""How programs are found: evolution, the journal, the funnel, and the command line."""

from search.config import BudgetConfig, Config, FitnessConfig, FunnelConfig, TuneConfig, WindowConfig
from search.console import Console
from search.errors import SearchError
from search.pipeline import resume, run
from search.result import Result, load
from search.summary import summary

__all__ = [
    "BudgetConfig",
    "Config",
    "Console",
    "FitnessConfig",
    "FunnelConfig",
    "Result",
    "SearchError",
    "TuneConfig",
    "WindowConfig",
    "load",
    "resume",
    "run",
    "summary",
]
