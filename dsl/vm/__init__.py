"""The machines that execute one optimizer step inside a training loop, from one bytecode."""

AUTO, NATIVE, JAX, JIT = "auto", "native", "jax", "jit"
MACHINES = (AUTO, NATIVE, JAX, JIT)  # what a machine is asked for by
