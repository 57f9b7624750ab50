"""Programs that are hard to export: every function on every type, and names, types and numbers that get in the way."""

from __future__ import annotations

import numpy as np

from dsl.functions import FUNCTIONS, Rule
from dsl.parser import parse


def every_function(seed):
    """A program that calls every function on first arguments of every type, in random order.

    Constants are multiples of 1/64, so that text and float32 hold them alike.
    """
    rng = np.random.default_rng(seed)
    values = {
        "tree": ["w", "g", "m"],
        "leafwise": ["norm(g)", "norm(m)", "norm(norm(w))"],
        "scalar": ["lr", "global_norm(m)"],
        "number": ["0.546875", "1.5"],
    }
    defined = {"arcsin": "tanh({})", "arccos": "tanh({})", "arctanh": "sin({})", "arccosh": "2.5 + square({})"}
    calls = []
    for name, row in FUNCTIONS.items():
        for first in list(values)[: 4 if row.arity else 1] * (row.rule is not Rule.NEVER):
            others = {Rule.PAIR: [first], Rule.CLIP: ["scalar", "number"]}.get(row.rule, list(values))
            kinds = [first, *rng.choice(others, size=max(row.arity - 1, 0))][: row.arity]
            shown = [defined.get(name, "{}").format(rng.choice(values[kind])) for kind in kinds]
            if name == "power":
                shown[0] = f"abs({shown[0]})"
            calls.append(f"({shown[0]} {name} {shown[1]})" if name in "+-*/" else f"{name}({', '.join(shown)})")
    rng.shuffle(calls)
    # arctan keeps each call's share small without hiding it.
    lines = [f"total = total + arctan({call})" for call in calls]
    lines = ["m = interp(g, m, 0.875)", "total = w * 0.0", *lines, "update = total * 0.0009765625", "return update, m"]
    return parse("\n  ".join(["def train(w, g, m, lr):", *lines]))


AWKWARD = {
    "names of Python, of modules and of helpers": """
        def train(np, jax, lambda_, params, learning_rate):
          dot = jax * jax
          sum = interp(dot, params, 0.5)
          zip = sqrt(sum)
          x = cos(lambda_)
          jnp = dot(x, zip)
          optax = x * jnp
          optax = tanh(optax)
          step = cosine_sim(optax, jax)
          _leaf = optax * step
          _0 = np * 0.5
          float = _0 + _leaf
          learning_rate = learning_rate * 0.001
          float = float * learning_rate
          return float, optax, sum
    """,
    "names in Greek": """
        def train(θ, g, μ, lr):
          μ = interp(g, μ, 0.5)
          β = norm(μ)
          δ = μ * β
          δ = δ * 0.001
          return δ, μ
    """,
    "long names": """
        def train(the_weights_of_all, the_gradient_of_the_loss, the_first_average, the_second_average, the_rate):
          the_first_average = interp(the_gradient_of_the_loss, the_first_average, the_rate)
          the_norm_of_it_all = global_norm(the_gradient_of_the_loss)
          the_second_average = interp(the_first_average, the_second_average, the_norm_of_it_all)
          the_second_average = tanh(the_second_average)
          the_first_average_of_all = interp(the_first_average, the_second_average, the_norm_of_it_all)
          the_update = the_first_average_of_all * 0.01
          return the_update, the_first_average, the_second_average
    """,
    "long names of averages": """
        def train(the_weights_of_all, the_gradient_of_the_loss, the_first_average, the_second_average, the_rate):
          the_first_average = interp(the_gradient_of_the_loss, the_first_average, 1.2207031e-11)
          the_second_average = interp(the_gradient_of_the_loss, the_second_average, 0.12207031)
          the_first_average_of_all = interp(the_second_average, the_first_average, -1.2207031e-11)
          the_update = the_first_average_of_all * 0.01
          return the_update, the_first_average, the_second_average
    """,
    "weights that only decay": """
        def train(w, g, lr):
          update = w * 0.01
          return update
    """,
    "a scalar becomes a tree and the weights a scalar": """
        def train(w, g, m, lr):
          m = interp(g, m, 0.5)
          w = global_norm(w)
          lr = lr * m
          w = w + 2.5
          update = lr / w
          return update, m
    """,
    "denominators of zero and numbers below it": """
        def train(w, g, lr):
          zero = g - g
          large = lr / zero
          below = negative(large)
          above = norm(below)
          scalar = negative(lr)
          scalar = norm(scalar)
          root = sqrt(below)
          root = root * 1e-6
          above = above * 1e-11
          tiny = lr * 1e-8
          inverse = reciprocal(tiny)
          inverse = inverse * 1e-11
          above = above + inverse
          same = clip(g, 1000.0)
          update = root + above
          update = update * scalar
          update = update * same
          return update
    """,
    "no learning rate": "def train(w, g, lr): return g * 0.01",
    "no learning rate, but states and norms": """
        def train(w, g, m, lr):
          m = interp(g, m, 0.5)
          n = global_norm(m)
          update = m / n
          return update, m
    """,
    "only clipping": "def train(w, g, lr): return clip(g, lr)",
    "nothing but the gradient": "def train(w, g, lr): return g",
    "constants that are no numbers": """
        def train(w, g, lr):
          big = reciprocal(0.0)
          none = log(0.0)
          one = sin(big)
          g = max(g, none)
          g = min(g, big)
          lr = lr * 1e-20
          up = max(lr, 1e-4)
          update = g * up
          return update
    """,
    "a state called count": """
        def train(w, g, count, index, lr):
          count = interp(g, count, 0.5)
          index = index + count
          update = index * 0.001
          return update, count, index
    """,
    "a dozen states": f"""
        def train(w, g, {", ".join(f"average_{i}" for i in range(12))}, lr):
          average_0 = interp(g, average_0, 0.5)
          {"; ".join(f"average_{i} = interp(average_{i - 1}, average_{i}, 0.5)" for i in range(1, 12))}
          update = average_11 * lr
          return update, {", ".join(f"average_{i}" for i in range(12))}
    """.replace("; ", "\n          "),
    "forty states": f"""
        def train(w, g, {", ".join(f"average_{i}" for i in range(40))}, lr):
          average_0 = interp(g, average_0, 0.5)
          {"; ".join(f"average_{i} = interp(average_{i - 1}, average_{i}, 0.5)" for i in range(1, 40))}
          update = clip(average_39, lr)
          return update, {", ".join(f"average_{i}" for i in range(40))}
    """.replace("; ", "\n          "),
}
PROVENANCE = 'Found by "seed 3"""";  \n\ttab, \\n backslash, \x0c form feed, \x00 zero.   \n\n    def train(...)\n"'
