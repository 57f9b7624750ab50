"""Pairs of programs that are equal by algebra, each written in two ways; a body ends with the outputs."""

from __future__ import annotations

import dsl

HEADS = {1: "w, g, lr", 2: "w, g, m, lr", 3: "w, g, m, v, lr"}  # by the number of outputs

# (why, one way, another). Statements are separated by ";", the last part holds update and states.
PAIRS = [
    # order, names and operands
    ("commuted sum", "return w * 0.1 + g", "return g + w * 0.1"),
    ("commuted product", "return g * (lr * 0.3)", "return lr * 0.3 * g"),
    ("regrouped sum", "return (g + w) + lr * g", "return g + (w + lr * g)"),
    ("regrouped product", "return (g * lr) * 0.01", "return g * (lr * 0.01)"),
    ("commuted maximum", "return max(g, w) * lr", "return lr * max(w, g)"),
    ("order of statements", "a = sign(g); b = w * 0.1; return a + b", "b = w * 0.1; a = sign(g); return a + b"),
    ("common subexpression", "a = tanh(g); b = tanh(g); return a * lr + b", "a = tanh(g); return a * lr + a"),
    (
        "exchanged states",
        "m = interp(g, m, 0.9); v = interp(square(g), v, 0.99); return m / sqrt(v), m, v",
        "v = interp(g, v, 0.9); m = interp(square(g), m, 0.99); return v / sqrt(m), m, v",
    ),
    # constants
    ("folded constants", "return g * (0.5 * 0.25)", "return g * 0.125"),
    ("constants of two factors", "return (g * 0.5) * (lr * 0.5)", "return g * lr * 0.25"),
    ("a function of a number", "return g * sqrt(4.0)", "return g * 2.0"),
    ("a number through tanh", "return g * tanh(0.0) + w", "return w"),
    ("subtracted negative number", "return g - -0.5", "return g + 0.5"),
    ("pi", "return g * get_pi() * lr", "return g * lr * 3.1415927"),
    ("division by a power of two", "return g / 4.0", "return g * 0.25"),
    # signs
    ("negated twice", "return negative(negative(g))", "return g + 0.0"),
    ("subtraction of a negative", "return w - negative(g)", "return w + g"),
    ("an odd function", "return sin(negative(g)) * lr", "return negative(sin(g) * lr)"),
    ("an even function", "return cos(negative(g)) * lr", "return cos(g) * lr"),
    ("sign of a multiple", "return sign(g * 3.0) * lr", "return sign(g) * lr"),
    ("sign of an odd function", "return sign(tanh(g)) * lr", "return sign(g) * lr"),
    ("sign of a square root", "return sign(cbrt(g)) * lr", "return sign(g) * lr"),
    ("sign of a sign", "return sign(sign(g)) * lr", "return sign(g) * lr"),
    ("sign times size", "return sign(g) * abs(g) * lr", "return g * lr"),
    ("absolute value of a negative", "return abs(negative(g))", "return abs(g)"),
    ("absolute value twice", "return abs(abs(g))", "return abs(g)"),
    # powers
    ("square as a product", "return g * g * lr", "return square(g) * lr"),
    ("cube as products", "return g * g * g * lr", "return cube(g) * lr"),
    ("power of two", "return power(g, 2.0)", "return square(g)"),
    ("power of one", "return power(g, 1.0) * lr", "return g * lr"),
    ("root of a square", "return sqrt(square(g)) * lr", "return abs(g) * lr"),
    ("square of a root", "return square(sqrt(g)) * lr", "return abs(g) * lr"),
    ("root of a negative", "return sqrt(negative(g))", "return sqrt(g)"),
    ("root of a multiple", "return sqrt(g * 4.0)", "return sqrt(g) * 2.0"),
    # sums
    ("doubled", "return (g + g) * lr", "return g * (lr * 2.0)"),
    ("cancelled", "return g + w - g", "return w + 0.0"),
    ("cancelled in part", "return (g + w * lr) - g * 0.5 - w * lr", "return g * 0.5"),
    ("a difference of what may be infinite", "a = exp(g); return a - a + w * lr", "return w * lr"),
    ("zero times what may be infinite", "return 0.0 * exp(g) + w * lr", "return w * lr"),
    ("distributed number", "return (g + w) * 0.1", "return g * 0.1 + w * 0.1"),
    ("distributed learning rate", "return (sign(g) + w) * lr", "return sign(g) * lr + w * lr"),
    ("distributed tree", "return g * (w + sign(g))", "return g * w + g * sign(g)"),
    ("distributed root", "s = sqrt(g); return s * (g + w) * lr", "s = sqrt(g); return (s * g + s * w) * lr"),
    ("a common denominator", "s = tanh(w); return g / s + w / s", "s = tanh(w); return (g + w) / s"),
    # weighted means
    ("interp as a sum", "m = interp(g, m, 0.9); return m * lr, m", "m = g * 0.1 + m * 0.9; return m * lr, m"),
    ("interp from the other end", "m = interp(g, m, 0.9); return m * lr, m", "m = interp(m, g, 0.1); return m * lr, m"),
    ("interp as a correction", "m = interp(g, m, 0.9); return m * lr, m", "m = m + (g - m) * 0.1; return m * lr, m"),
    ("interp of two alike", "return interp(g, g, lr) * 0.1", "return g * 0.1"),
    ("interp with nothing", "return interp(g, w, 0.0) * lr", "return g * lr"),
    ("interp with everything", "return interp(g, w, 1.0) * lr", "return w * lr"),
    (
        "interp of interp",
        "a = interp(g, m, 0.9); m = interp(g, a, 0.8); return sign(a), m",
        "a = interp(g, m, 0.9); m = interp(g, m, 0.72); return sign(a), m",
    ),
    (
        "interp of multiples",
        "m = interp(g * 2.0, m, 0.9); return m * lr, m",
        "m = interp(g, m, 0.9); return m * (lr * 2.0), m",
    ),
    # states
    ("a state that is not read", "v = square(g); return g * lr, m, v", "return g * lr, m, v"),
    (
        "a state that is overwritten",
        "v = interp(g, m, 0.9); m = cosh(g); m = v; return sign(v), m, v",
        "m = interp(g, m, 0.9); return sign(m), m, v",
    ),
    (
        "a state that stays zero",
        "v = v * 0.5; m = interp(g, m, 0.9); return m + v, m, v",
        "m = interp(g, m, 0.9); return m + 0.0, m, v",
    ),
    (
        "two states alike",
        "m = interp(g, m, 0.9); v = interp(g, v, 0.9); return (m + v) * lr, m, v",
        "m = interp(g, m, 0.9); return m * (lr * 2.0), m, v",
    ),
    (
        "proportional states",
        "m = interp(g, m, 0.9); v = interp(g * 3.0, v, 0.9); return m / sqrt(v), m, v",
        "m = interp(g, m, 0.9); return m / sqrt(m * 3.0), m, v",
    ),
    (
        "a state in another scale",
        "m = m * 0.9 + g; return m * (lr * 0.1), m",
        "m = interp(g, m, 0.9); return m * lr, m",
    ),
    ("heavy-ball momentum", "m = m * 0.9 + g; return sign(m) * lr, m", "m = interp(g, m, 0.9); return sign(m) * lr, m"),
    ("a state kept negative", "m = m * 0.9 - g; return m * lr, m", "m = m * 0.9 + g; return negative(m * lr), m"),
    ("a state of which the sign is read", "m = tanh(m) + g; return sign(g) * lr, m", "return sign(g) * lr, m"),
    # division
    (
        "its own size",
        "m = interp(g, m, 0.9); return m / sqrt(m * m) * lr, m",
        "m = interp(g, m, 0.9); return sign(m) * lr, m",
    ),
    ("its absolute value", "return g / abs(g) * lr", "return sign(g) * lr"),
    ("its own size with a factor", "a = g * lr; return a / sqrt(square(g))", "return sign(g) * lr"),
    ("a factor in the numerator", "return (g * 0.5) / tanh(w)", "return g / tanh(w) * 0.5"),
    ("a product of quotients", "return (g / tanh(w)) * lr", "return (g * lr) / tanh(w)"),
    # norms
    ("the norm of a multiple", "return g * norm(w * 2.0)", "return g * (norm(w) * 2.0)"),
    ("the norm of a negative", "return g * global_norm(negative(w))", "return global_norm(w) * g"),
    ("a commuted dot", "return g * dot(g, w)", "return dot(w, g) * g"),
    ("dot of multiples", "return g * dot(g * 2.0, w)", "return g * (dot(g, w) * 2.0)"),
    ("cosine of multiples", "return g * cosine_sim(g * 2.0, w)", "return g * cosine_sim(g, w)"),
    # extremes
    ("maximum of one", "return max(g, g) * lr", "return g * lr"),
    ("a maximum in two steps", "return max(max(g, w), lr)", "return max(g, max(lr, w))"),
    ("a maximum of multiples", "return max(g * 2.0, w * 2.0)", "return max(g, w) * 2.0"),
    ("a minimum of negatives", "return min(negative(g), negative(w))", "return negative(max(g, w))"),
    # the optimizers of the paper
    (
        "decoupled decay",
        "m = interp(g, m, 0.9); return (sign(m) + w * 0.1) * lr, m",
        "m = interp(g, m, 0.9); return sign(m) * lr + w * (lr * 0.1), m",
    ),
    (
        "AdamW",
        "m = interp(g, m, 0.9); v = interp(g * g, v, 0.99); return (m / sqrt(v) + w * 0.01) * (lr * 0.001), m, v",
        "v = interp(g * g, v, 0.99); m = interp(m, g, .1); a = lr * .001; return a * w * 0.01 + m / sqrt(v) * a, m, v",
    ),
    (
        "Lion",
        "u = sign(interp(g, m, 0.9)); m = interp(g, m, 0.99); return (u + w * 0.1) * lr, m",
        "v = interp(g, m, 0.9); u = v / sqrt(v * v); m = m * 0.99 + g * 0.01; return lr * u + w * lr * 0.1, m",
    ),
]


def program(body: str) -> dsl.Program:
    """The program with this body."""
    outputs = body.rpartition("return")[2]
    depth, count = 0, 1
    for letter in outputs:
        depth += (letter == "(") - (letter == ")")
        count += letter == "," and depth == 0
    lines = "".join(f"  {line.strip()}\n" for line in body.split(";"))
    return dsl.parse(f"def train({HEADS[count]}):\n{lines}")
