"""The `jit` machine: one program traced into the training loop, and compiled for it.

For tasks so large that compiling is nothing, and for accelerators.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from dsl.vm.bytecode import FIRST_STATE, LR, Code, G, W
from dsl.vm.kernels import compute
from dsl.vm.memory import Memory, start


class JitMachine:
    """Executes one program on weights of one layout.

    Args:
        sizes: number of weights of each leaf, in the order of the flat vector.
        code: of the program.
    """

    def __init__(self, sizes: Sequence[int], code: Code):
        self.sizes, self.code = tuple(sizes), code

    def start(self, weights: jax.Array) -> Memory:
        """What a training begins with: its weights, and states of zeros."""
        return start(weights, self.code.needed.states)

    def step(self, code: tuple[jax.Array, ...], memory: Memory, gradient: jax.Array, lr: jax.Array) -> Memory:
        """One optimizer step, as `dsl.vm.machines.Machine` describes it."""
        rows = {W: memory.weights, G: gradient} | {FIRST_STATE + i: state for i, state in enumerate(memory.states)}
        rows |= {~small: jnp.full(len(self.sizes), value, jnp.float32) for small, value in enumerate(self.code.smalls)}
        rows[LR] = jnp.full(len(self.sizes), lr)
        for opcode, target, *operands in self.code.instructions.tolist():
            rows[target] = compute(opcode, [rows[row] for row in operands], self.sizes)
        update, *states = (rows[row] for row in self.code.outputs)
        kept = jnp.stack([*states, *memory.states[len(states) :]])
        return Memory(memory.weights - update, kept, memory.trees)

    def arrays(self, code: Code) -> tuple[np.ndarray, ...]:
        """Nothing."""
        return ()
