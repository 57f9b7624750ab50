"""The instructions as JAX functions, for the machines that XLA compiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from dsl.functions import DIVISION_EPSILON
from dsl.vm.bytecode import DOT, NORM, OPCODES, QUOTIENT, SPREAD, gives_tree

# One line for each function that is applied element by element, and for what the machine does itself.
KERNELS: dict[str, Callable[..., jax.Array]] = {
    "abs": jnp.abs,
    "cos": jnp.cos,
    "sin": jnp.sin,
    "tan": jnp.tan,
    "arcsin": jnp.arcsin,
    "arccos": jnp.arccos,
    "arctan": jnp.arctan,
    "sinh": jnp.sinh,
    "cosh": jnp.cosh,
    "tanh": jnp.tanh,
    "arcsinh": jnp.arcsinh,
    "arccosh": jnp.arccosh,
    "arctanh": jnp.arctanh,
    "exp": jnp.exp,
    "exp2": jnp.exp2,
    "exp10": lambda x: jnp.power(10.0, x),
    "expm1": jnp.expm1,
    "log": lambda x: jnp.log(jnp.abs(x)),
    "log10": lambda x: jnp.log10(jnp.abs(x)),
    "log2": lambda x: jnp.log2(jnp.abs(x)),
    "log1p": lambda x: jnp.log(jnp.abs(1 + x)),
    "square": lambda x: x * x,
    "sqrt": lambda x: jnp.sqrt(jnp.abs(x)),
    "cube": lambda x: x * x * x,
    "cbrt": jnp.cbrt,
    "sign": jnp.sign,
    "reciprocal": lambda x: 1 / x,
    "negative": lambda x: -x,
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / (y + DIVISION_EPSILON),
    "max": jnp.maximum,
    "min": jnp.minimum,
    "power": jnp.power,
    "interp": lambda x, y, a: (1 - a) * x + a * y,
    DOT: jnp.vdot,
    QUOTIENT: jnp.divide,
}


def compute(opcode: int, operands: Sequence[jax.Array], sizes: Sequence[int]) -> jax.Array:
    """The result of one instruction.

    Args:
        opcode: of the instruction.
        operands: their contents: float32 [number of weights] of a tree, [number of leaves] of a small; more of them
            than the instruction has do not count.
        sizes: number of weights of each leaf.

    Returns:
        float32 [number of weights] if the instruction gives a tree, or else [number of leaves].
    """
    name, kinds = OPCODES[opcode]
    one_number = gives_tree(name, kinds) and name != SPREAD
    read = [x[0] if kind == "s" and one_number else x for kind, x in zip(kinds, operands, strict=False)]
    result = _kernel(name, sizes)(*read)
    return result if gives_tree(name, kinds) else jnp.broadcast_to(result, (len(sizes),))


def _kernel(name: str, sizes: Sequence[int]) -> Callable[..., jax.Array]:
    ends = np.cumsum(sizes)
    if name == SPREAD:
        return lambda x: jnp.repeat(x, np.array(sizes), total_repeat_length=int(ends[-1]))
    if name == NORM:
        return lambda x: jnp.stack([jnp.sqrt(jnp.vdot(leaf, leaf)) for leaf in jnp.split(x, ends[:-1])])
    if name not in KERNELS:
        raise NotImplementedError(f"the function {name!r} has no kernel: add its line to KERNELS in dsl/vm/kernels.py")
    return KERNELS[name]
