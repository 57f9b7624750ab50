"""The models of the built-in tasks: equinox modules that take a whole batch.

Arrays are [features, columns] where they can be. A column is one example, or one token of one example, with the
examples next to each other: sums over features then run along whole vectors of columns, and no operand of a product
has to be transposed.
"""
