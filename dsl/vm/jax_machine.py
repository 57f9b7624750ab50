"""The `jax` machine: bytecode executed by one compiled loop over a switch, on every platform JAX runs on.

`lax.fori_loop` goes over the instructions, `lax.switch` over the opcodes; operands are read inside the branches, so
that an instruction costs what its function costs. No candidate is ever compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dsl.functions import DIVISION_EPSILON, FUNCTIONS, Rule
from dsl.vm.bytecode import FIRST_STATE, LR, OPCODES, SPREAD, Capacity, Code, G, W

# One line for each function that is applied element by element.
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
}


class Registers(NamedTuple):
    """The register files.

    Attributes:
        trees: float32 [capacity.trees, number of weights].
        smalls: float32 [capacity.smalls, number of leaves].
    """

    trees: jax.Array
    smalls: jax.Array


class Memory(NamedTuple):
    """What one step leaves for the next.

    Attributes:
        weights: float32 [number of weights].
        states: float32 [capacity.states, number of weights].
        trees: the tree file, only so that it is not allocated anew.
    """

    weights: jax.Array
    states: jax.Array
    trees: jax.Array


class JaxMachine:
    """Executes bytecode on weights of one layout.

    Args:
        sizes: number of weights of each leaf, in the order of the flat vector.
        capacity: how large a program it takes.
    """

    def __init__(self, sizes: Sequence[int], capacity: Capacity):
        self.sizes, self.capacity = tuple(sizes), capacity
        self.starts = np.cumsum([0, *self.sizes])
        self._branches = [self._branch(name, kinds) for name, kinds in OPCODES]

    def start(self, weights: jax.Array) -> Memory:
        """What a training begins with: its weights, and states of zeros."""
        states = jnp.zeros((self.capacity.states, weights.size), jnp.float32)
        return Memory(weights, states, jnp.zeros((self.capacity.trees, weights.size), jnp.float32))

    def step(self, code: tuple[jax.Array, ...], memory: Memory, gradient: jax.Array, lr: jax.Array) -> Memory:
        """One optimizer step.

        Args:
            code: `arrays(...)` of the program.
            memory: as the last step or `start` left it.
            gradient: float32 [number of weights].
            lr: float32 scalar.
        """
        instructions, count, smalls, outputs = code
        smalls = jnp.broadcast_to(smalls[:, None], (self.capacity.smalls, len(self.sizes))).at[LR].set(lr)
        trees = memory.trees.at[W].set(memory.weights).at[G].set(gradient)
        trees = lax.dynamic_update_slice(trees, memory.states, (FIRST_STATE, 0))

        def execute(index: jax.Array, registers: Registers) -> Registers:
            opcode, tree_target, small_target, *operands = instructions[index]
            tree, small = lax.switch(opcode.astype(jnp.int32), self._branches, operands, registers)
            return Registers(registers.trees.at[tree_target].set(tree), registers.smalls.at[small_target].set(small))

        trees, _ = lax.fori_loop(jnp.uint32(0), count, execute, Registers(trees, smalls))
        states = [trees[outputs[1 + i]] for i in range(self.capacity.states)]
        return Memory(memory.weights - trees[outputs[0]], jnp.stack(states), trees)

    def arrays(self, code: Code) -> tuple[np.ndarray, ...]:
        """A program as what `step` is given; results go to the last row of the file that they do not belong to."""
        instructions = np.zeros((self.capacity.instructions, 6), np.uint32)
        instructions[:, 1:3] = self.capacity.trees - 1, self.capacity.smalls - 1
        for index, (opcode, target, *operands) in enumerate(code.instructions):
            instructions[index, 0] = opcode
            instructions[index, 1 if _gives_tree(*OPCODES[opcode]) else 2] = target
            instructions[index, 3 : 3 + len(operands)] = operands
        smalls = np.zeros(self.capacity.smalls, np.float32)
        smalls[list(code.constants)] = list(code.constants.values())
        outputs = np.arange(FIRST_STATE - 1, FIRST_STATE + self.capacity.states, dtype=np.uint32)
        outputs[: len(code.outputs)] = code.outputs
        return instructions, np.array(len(code.instructions), np.uint32), smalls, outputs

    def _branch(self, name: str, kinds: str) -> Callable[[list[jax.Array], Registers], tuple[jax.Array, jax.Array]]:
        """The code of one opcode: operand rows and registers to a row of each file; the other file gets zeros."""
        kernel = self._kernel(name, kinds)
        gives_tree = _gives_tree(name, kinds)

        def branch(operands: list[jax.Array], registers: Registers) -> tuple[jax.Array, jax.Array]:
            trees, smalls = registers
            read = []
            for kind, row in zip(kinds, operands, strict=False):
                if kind == "t":
                    read.append(trees[row])
                else:
                    read.append(smalls[row, 0] if gives_tree and name != SPREAD else smalls[row])
            result = kernel(*read)
            if gives_tree:
                return result, jnp.zeros_like(smalls[0])
            return jnp.zeros_like(trees[0]), jnp.broadcast_to(result, smalls[0].shape)

        return branch

    def _kernel(self, name: str, kinds: str) -> Callable[..., jax.Array]:
        if name == SPREAD:
            return lambda x: jnp.repeat(x, np.array(self.sizes), total_repeat_length=int(self.starts[-1]))
        # one number is its own tree: every entry of the row holds it
        dot: Callable[..., jax.Array] = jnp.multiply if kinds[0] == "s" else jnp.vdot
        kernels: dict[str, Callable[..., jax.Array]] = {
            **KERNELS,
            "norm": self._norms,
            "global_norm": lambda x: jnp.sqrt(dot(x, x)),
            "dot": dot,
            "cosine_sim": lambda x, y: dot(x, y) / (jnp.sqrt(dot(x, x)) * jnp.sqrt(dot(y, y))),
            "clip_by_global_norm": lambda x, limit: x * jnp.minimum(1.0, limit / jnp.sqrt(dot(x, x))),
        }
        if name not in kernels:
            raise NotImplementedError(
                f"the function {name!r} has no kernel: add its line to KERNELS in dsl/vm/jax_machine.py,"
                " or to JaxMachine._kernel there if it is not applied element by element"
            )
        return kernels[name]

    def _norms(self, x: jax.Array) -> jax.Array:
        if x.shape == (len(self.sizes),):
            return jnp.abs(x)
        return jnp.stack(
            [jnp.sqrt(jnp.vdot(x[a:b], x[a:b])) for a, b in zip(self.starts, self.starts[1:], strict=False)]
        )


def _gives_tree(name: str, kinds: str) -> bool:
    return name == SPREAD or ("t" in kinds and FUNCTIONS[name].rule in (Rule.ELEMENTWISE, Rule.CLIP))
