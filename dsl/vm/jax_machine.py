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

from dsl.vm.bytecode import FIRST_STATE, LR, OPCODES, Capacity, Code, G, W, gives_tree
from dsl.vm.kernels import compute
from dsl.vm.memory import Memory, start


class Registers(NamedTuple):
    """The register files.

    Attributes:
        trees: float32 [capacity.trees, number of weights].
        smalls: float32 [capacity.smalls, number of leaves].
    """

    trees: jax.Array
    smalls: jax.Array


class JaxMachine:
    """Executes bytecode on weights of one layout.

    Args:
        sizes: number of weights of each leaf, in the order of the flat vector.
        capacity: how large a program it takes.
    """

    def __init__(self, sizes: Sequence[int], capacity: Capacity):
        self.sizes, self.capacity = tuple(sizes), capacity
        self._branches = [self._branch(opcode) for opcode in range(len(OPCODES))]

    def start(self, weights: jax.Array) -> Memory:
        """What a training begins with: its weights, and states of zeros."""
        return start(weights, self.capacity.states, self.capacity.trees)

    def step(self, code: tuple[jax.Array, ...], memory: Memory, gradient: jax.Array, lr: jax.Array) -> Memory:
        """One optimizer step, as `dsl.vm.machines.Machine` describes it."""
        instructions, count, smalls, outputs = code
        smalls = jnp.broadcast_to(smalls[:, None], (self.capacity.smalls, len(self.sizes))).at[~LR].set(lr)
        trees = memory.trees.at[W].set(memory.weights).at[G].set(gradient)
        trees = lax.dynamic_update_slice(trees, memory.states, (FIRST_STATE, 0))

        def execute(index: jax.Array, registers: Registers) -> Registers:
            opcode, tree_target, small_target, *operands = instructions[index]
            tree, small = lax.switch(opcode, self._branches, operands, registers)
            return Registers(registers.trees.at[tree_target].set(tree), registers.smalls.at[small_target].set(small))

        trees, _ = lax.fori_loop(0, count, execute, Registers(trees, smalls))
        states = [trees[outputs[1 + i]] for i in range(self.capacity.states)]
        return Memory(memory.weights - trees[outputs[0]], jnp.stack(states), trees)

    def arrays(self, code: Code) -> tuple[np.ndarray, ...]:
        """A program as what `step` is given; results go to the last row of the file that they do not belong to."""
        instructions = np.zeros((self.capacity.instructions, 6), np.int32)
        instructions[:, 1:3] = self.capacity.trees - 1, self.capacity.smalls - 1
        for index, (opcode, target, *operands) in enumerate(code.instructions.tolist()):
            instructions[index, 0] = opcode
            instructions[index, 1 if target >= 0 else 2] = _row(target)
            instructions[index, 3:] = list(map(_row, operands))
        smalls = np.zeros(self.capacity.smalls, np.float32)
        smalls[: len(code.smalls)] = code.smalls
        outputs = np.arange(FIRST_STATE - 1, FIRST_STATE + self.capacity.states, dtype=np.int32)
        outputs[: len(code.outputs)] = code.outputs
        return instructions, np.array(len(code.instructions), np.int32), smalls, outputs

    def _branch(self, opcode: int) -> Callable[[list[jax.Array], Registers], tuple[jax.Array, jax.Array]]:
        """The code of one opcode: operand rows and registers to a row of each file; the other file gets zeros."""

        def branch(operands: list[jax.Array], registers: Registers) -> tuple[jax.Array, jax.Array]:
            trees, smalls = registers
            _, kinds = OPCODES[opcode]
            read = [trees[row] if kind == "t" else smalls[row] for kind, row in zip(kinds, operands, strict=False)]
            result = compute(opcode, read, self.sizes)
            tree = gives_tree(*OPCODES[opcode])
            return (result, jnp.zeros_like(smalls[0])) if tree else (jnp.zeros_like(trees[0]), result)

        return branch


def _row(number: int) -> int:
    """The row of a tree or small in its file."""
    return number if number >= 0 else ~number
