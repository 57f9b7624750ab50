"""The environment of every test, set before anything imports JAX."""

from proxy_tasks.environment import single_threaded

single_threaded()
