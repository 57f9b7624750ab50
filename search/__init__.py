"""How programs are found: evolution, the journal, the funnel, and the command line."""

from search.config import BudgetConfig, Config, FitnessConfig, FunnelConfig, SimplifyConfig, TuneConfig, WindowConfig
from search.console import Console
from search.errors import SearchError
from search.pipeline import resume, run
from search.report import report
from search.result import Result, load
from search.simplification import simplify_on_tasks
from search.summary import summary

__all__ = [
    "BudgetConfig",
    "Config",
    "Console",
    "FitnessConfig",
    "FunnelConfig",
    "Result",
    "SearchError",
    "SimplifyConfig",
    "TuneConfig",
    "WindowConfig",
    "load",
    "report",
    "resume",
    "run",
    "simplify_on_tasks",
    "summary",
]
