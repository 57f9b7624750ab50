"""The one error of the language: what was wrong, where, and how to mend it."""

from __future__ import annotations


class ProgramError(ValueError):
    """A program that cannot be read, typed or run.

    Attributes:
        line: line in the text, counted from 1; None when the program has no text.
        column: column in that line, counted from 1; None when unknown.
        statement: index of the statement, counted from 0; None when the error is not about one statement.
        message: what was wrong and how to mend it, without the position.
    """

    def __init__(self, message: str, line: int | None = None, column: int | None = None, statement: int | None = None):
        self.message, self.line, self.column, self.statement = message, line, column, statement
        super().__init__(message)

    def __str__(self) -> str:
        if self.line is None:
            return self.message if self.statement is None else f"statement {self.statement + 1}: {self.message}"
        where = f"line {self.line}" if self.column is None else f"line {self.line}, column {self.column}"
        return f"{where}: {self.message}"

    def __reduce__(self):
        return type(self), (self.message, self.line, self.column, self.statement)


class MachineError(Exception):
    """A machine cannot be had here; the message says why, and what to install."""
