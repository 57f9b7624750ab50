"""Which machine executes programs: chosen once, by the hardware and the size of the task.

| machine | a candidate costs | where |
| --- | --- | --- |
| native | 1.0 to 1.2 times its gradients | CPUs, with a C++ compiler |
| jax | 1.1 to 2 times | everywhere |
| jit | as much, and compiling it | large tasks, accelerators |
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import jax
import numpy as np

from dsl.errors import MachineError
from dsl.vm import AUTO, JAX, JIT, MACHINES, NATIVE
from dsl.vm.bytecode import Capacity, Code
from dsl.vm.jax_machine import JaxMachine
from dsl.vm.jit_machine import JitMachine
from dsl.vm.memory import Memory
from dsl.vm.native.build import instruction_set, library
from dsl.vm.native_machine import NativeMachine

LARGE = 2e12  # floating-point operations of a training that takes a core 20 times as long as compiling it, about


class Machine(Protocol):
    """Executes one optimizer step, inside a training loop that is compiled."""

    def start(self, weights: jax.Array) -> Memory:
        """What a training begins with."""

    def step(self, code: tuple[jax.Array, ...], memory: Memory, gradient: jax.Array, lr: jax.Array) -> Memory:
        """One optimizer step.

        Args:
            code: `arrays(...)` of the program.
            memory: as the last step or `start` left it.
            gradient: float32 [number of weights].
            lr: float32 scalar.
        """

    def arrays(self, code: Code) -> tuple[np.ndarray, ...]:
        """A program as what `step` is given."""


@dataclass(frozen=True)
class Choice:
    """What a machine came to.

    Attributes:
        name: "native", "jax" or "jit".
        description: that, and what its bits depend on.
        note: what the user should know, or "".
    """

    name: str
    description: str
    note: str = ""


def choose(name: str, operations: Callable[[], float]) -> Choice:
    """The machine that a name stands for here.

    Args:
        name: one of MACHINES.
        operations: gives the floating-point operations of a training; asked only if they count.

    Raises:
        MachineError: for another name, or if `native` is asked for and cannot be had.
    """
    if name not in MACHINES:
        raise MachineError(f"unknown machine {name!r}: write {', '.join(MACHINES[:-1])} or {MACHINES[-1]}")
    device = jax.default_backend()
    if name == AUTO and (device != "cpu" or operations() > LARGE):
        name = JIT
    where = ", ".join([f"on {device}", instruction_set(), " ".join(platform.libc_ver())])
    if name in (JAX, JIT):
        return Choice(name, f"{name} {where}")
    try:
        if device != "cpu":
            raise MachineError(f"it runs on CPUs, and JAX is on a {device}")
        found = library()
    except MachineError as error:
        if name == NATIVE:
            raise
        return Choice(JAX, f"{JAX} {where}", f"machine jax is used, slower on small tasks, not native: {error}")
    return Choice(NATIVE, f"{NATIVE} {where}, {found.compiler}", found.note)


def machine(name: str, sizes: Sequence[int], code: Code) -> Machine:
    """A machine for programs like this one; with `jit`, for this one alone.

    Args:
        name: "native", "jax" or "jit".
        sizes: number of weights of each leaf, in the order of the flat vector.
        code: the first program.
    """
    if name == JIT:
        return JitMachine(sizes, code)
    capacity = Capacity().grown_to(code.needed)
    return NativeMachine(sizes, capacity) if name == NATIVE else JaxMachine(sizes, capacity)
