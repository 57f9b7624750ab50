"""The `native` machine: bytecode executed by compiled C++ inside the jitted training loop, on CPUs.

XLA calls it by its foreign function interface and gives it its own buffers; that of the states is written in place.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import numpy as np
from jax import ffi

from dsl.vm.bytecode import DOT, FIRST_STATE, NORM, OPCODES, SPREAD, Capacity, Code
from dsl.vm.memory import Memory, start
from dsl.vm.native.build import library

_OWN = (SPREAD, NORM, DOT)  # in the order of the first opcodes of native/machine.h; kernels follow


class NativeMachine:
    """Executes bytecode on weights of one layout.

    Args:
        sizes: number of weights of each leaf, in the order of the flat vector.
        capacity: how large a program it takes.

    Raises:
        MachineError: where it cannot be compiled.
    """

    def __init__(self, sizes: Sequence[int], capacity: Capacity):
        self.sizes, self.capacity = tuple(sizes), capacity
        self._opcodes = _opcodes()

    def start(self, weights: jax.Array) -> Memory:
        """What a training begins with: its weights, and states of zeros."""
        return start(weights, self.capacity.states)

    def step(self, code: tuple[jax.Array, ...], memory: Memory, gradient: jax.Array, lr: jax.Array) -> Memory:
        """One optimizer step, as `dsl.vm.machines.Machine` describes it."""
        weights, states, trees = memory
        results = [jax.ShapeDtypeStruct(part.shape, part.dtype) for part in (weights, states)]
        call = ffi.ffi_call("optsearch_step", results, input_output_aliases={1: 1})
        update, states = call(weights, states, gradient, lr, *code, starts=np.cumsum([0, *self.sizes]))
        return Memory(weights - update, states, trees)

    def arrays(self, code: Code) -> tuple[np.ndarray, ...]:
        """A program as what `step` is given: the words that native/machine.h lists.

        A program with fewer states than the machine leaves the others as they are.
        """
        length, states = len(code.instructions), self.capacity.states
        states_that_stay = range(FIRST_STATE + len(code.outputs) - 1, FIRST_STATE + states)
        header = (length, code.needed.trees, len(code.smalls), *code.outputs, *states_that_stay)
        first = len(header) + len(code.smalls)
        program = np.zeros(4 + states + self.capacity.smalls + 5 * self.capacity.instructions, np.int32)
        program[: len(header)] = header
        program[len(header) : first].view(np.float32)[:] = code.smalls
        instructions = program[first : first + 5 * length].reshape(-1, 5)
        instructions[:] = code.instructions
        instructions[:, 0] = self._opcodes[code.instructions[:, 0]]
        return (program,)


@functools.cache
def _opcodes() -> np.ndarray:
    """int32: what native/machine.h calls each opcode of the bytecode, once XLA knows the machine."""
    handle = library().handle
    names = [*_OWN]
    while (name := handle.optsearch_kernel(len(names) - len(_OWN))) is not None:
        names.append(name.decode())
    missing = {name for name, _ in OPCODES} - set(names)
    if missing:
        raise NotImplementedError(f"{', '.join(sorted(missing))}: add a kernel to dsl/vm/native/kernels.h")
    ffi.register_ffi_target("optsearch_step", ffi.pycapsule(handle.optsearch_step), platform="cpu")
    return np.array([names.index(name) for name, _ in OPCODES], np.int32)
