"""The language of optimizers: what a program is, means and may become."""

from dsl.canonical import canonical, canonical_hash
from dsl.checker import check
from dsl.errors import ProgramError
from dsl.export import export
from dsl.formula import formula, formulas
from dsl.liveness import live, prune
from dsl.mutation import Mutation, MutationSettings, mutate, propose
from dsl.optimizers import known, optimizers
from dsl.parser import parse
from dsl.program import Program, Statement
from dsl.reference import step
from dsl.simplify import simplify

__all__ = [
    "Mutation",
    "MutationSettings",
    "Program",
    "ProgramError",
    "Statement",
    "canonical",
    "canonical_hash",
    "check",
    "export",
    "formula",
    "formulas",
    "known",
    "live",
    "mutate",
    "optimizers",
    "parse",
    "propose",
    "prune",
    "simplify",
    "step",
]
