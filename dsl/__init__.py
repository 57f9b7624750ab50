"""The language of optimizers: what a program is, means and may become."""

from dsl.canonical import canonical, canonical_hash
from dsl.checker import check
from dsl.errors import ProgramError
from dsl.liveness import live, prune
from dsl.program import Program, Statement
from dsl.reference import step
