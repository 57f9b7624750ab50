"""The environment of every test, set before anything imports JAX."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("NPROC", "1")  # the size of XLA's thread pool: the models are tiny, a second thread gains nothing
