"""The known optimizers as programs: what a search starts from and is compared with (arXiv 2302.06675, section 4)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dsl.checker import nearest
from dsl.errors import ProgramError
from dsl.parser import parse
from dsl.program import Program, format_argument, to_constant


@dataclass(frozen=True)
class Template:
    """A program with names in the place of its hyper-parameters.

    Attributes:
        text: the program; each key of `defaults` stands for a constant.
        defaults: value of each hyper-parameter. Betas are the published ones; learning rates and weight decays,
            but for those of the paper's own programs, are starting points for tuning.
        source: where the optimizer was published.
    """

    text: str
    defaults: dict[str, float]
    source: str


def known(name: str, **hyper_parameters: float) -> Program:
    """A known optimizer with some of its hyper-parameters changed.

    Args:
        name: a key of `TEMPLATES`.
        **hyper_parameters: keys of its `defaults` with other values; each is rounded to float32.

    Returns:
        The program, with every hyper-parameter a constant in it.

    Raises:
        ProgramError: for an unknown optimizer or hyper-parameter, or a value that float32 cannot hold.

    >>> print(known("signsgd", learning_rate=0.5), end="")
    def train(w, g, lr):
      update = sign(g)
      lr = lr * 0.5
      update = update * lr
      return update
    """
    if name not in TEMPLATES:
        raise ProgramError(f"unknown optimizer {name!r}{nearest(name, TEMPLATES) or _one_of(TEMPLATES)}")
    template = TEMPLATES[name]
    for key, value in hyper_parameters.items():
        if key not in template.defaults:
            hint = nearest(key, template.defaults) or _one_of(template.defaults)
            raise ProgramError(f"{name} has no hyper-parameter {key!r}{hint}")
        if not abs(value) <= float(np.finfo(np.float32).max):
            raise ProgramError(f"{key}={value} of {name} is not a finite float32: choose a smaller number")
    constants = {k: format_argument(to_constant(v)) for k, v in (template.defaults | hyper_parameters).items()}
    return parse(re.sub(r"\b[A-Za-z_]\w*", lambda match: constants.get(match[0], match[0]), template.text))


def _one_of(names: Iterable[str]) -> str:
    return f": use one of {', '.join(names)}"


_ADAMW = """\
def train(w, g, m, v, lr):
  g2 = square(g)
  m = interp(g, m, beta1)
  v = interp(g2, v, beta2)
  sqrt_v = sqrt(v)
  update = m / sqrt_v
  wd = w * weight_decay
  update = update + wd
  lr = lr * learning_rate
  update = update * lr
  return update, m, v
"""

# Without bias correction, as the paper's AdamW: feed lr * sqrt(1 - beta2^t) / (1 - beta1^t) to have it.
_ADAM = """\
def train(w, g, m, v, lr):
  g2 = square(g)
  m = interp(g, m, beta1)
  v = interp(g2, v, beta2)
  sqrt_v = sqrt(v)
  update = m / sqrt_v
  lr = lr * learning_rate
  update = update * lr
  return update, m, v
"""

_SGD = """\
def train(w, g, lr):
  lr = lr * learning_rate
  update = g * lr
  return update
"""

_MOMENTUM = """\
def train(w, g, m, lr):
  m = m * beta1
  m = m + g
  lr = lr * learning_rate
  update = m * lr
  return update, m
"""

_NESTEROV = """\
def train(w, g, m, lr):
  m = m * beta1
  m = m + g
  ahead = m * beta1
  update = ahead + g
  lr = lr * learning_rate
  update = update * lr
  return update, m
"""

_RMSPROP = """\
def train(w, g, v, lr):
  g2 = square(g)
  v = interp(g2, v, beta2)
  sqrt_v = sqrt(v)
  update = g / sqrt_v
  lr = lr * learning_rate
  update = update * lr
  return update, v
"""

_ADAGRAD = """\
def train(w, g, v, lr):
  g2 = square(g)
  v = v + g2
  sqrt_v = sqrt(v)
  update = g / sqrt_v
  lr = lr * learning_rate
  update = update * lr
  return update, v
"""

_ADABELIEF = """\
def train(w, g, m, v, lr):
  m = interp(g, m, beta1)
  surprise = g - m
  s2 = square(surprise)
  v = interp(s2, v, beta2)
  sqrt_v = sqrt(v)
  update = m / sqrt_v
  lr = lr * learning_rate
  update = update * lr
  return update, m, v
"""

_SIGNSGD = """\
def train(w, g, lr):
  update = sign(g)
  lr = lr * learning_rate
  update = update * lr
  return update
"""

_SIGN_OF_AVERAGE = """\
def train(w, g, m, lr):
  m = interp(g, m, beta1)
  update = sign(m)
  wd = w * weight_decay
  update = update + wd
  lr = lr * learning_rate
  update = update * lr
  return update, m
"""

_POWERSIGN = """\
def train(w, g, m, lr):
  m = interp(g, m, beta1)
  sign_g = sign(g)
  sign_m = sign(m)
  agree = sign_g * sign_m
  factor = power(alpha, agree)
  update = factor * g
  lr = lr * learning_rate
  update = update * lr
  return update, m
"""

_ADDSIGN = """\
def train(w, g, m, lr):
  m = interp(g, m, beta1)
  sign_g = sign(g)
  sign_m = sign(m)
  agree = sign_g * sign_m
  factor = agree + alpha
  update = factor * g
  lr = lr * learning_rate
  update = update * lr
  return update, m
"""

_LION = """\
def train(w, g, m, lr):
  update = interp(g, m, beta1)
  update = sign(update)
  m = interp(g, m, beta2)
  wd = w * weight_decay
  update = update + wd
  lr = lr * learning_rate
  update = update * lr
  return update, m
"""

_LION_RAW = """\
def train(w, g, m, v, lr):
  g = clip(g, lr)
  m = clip(m, lr)
  v845 = sqrt(0.6270633339881897)
  v968 = sign(v)
  v968 = v - v
  g = arcsin(g)
  m = interp(g, v, 0.8999999761581421)
  v1 = m * m
  v = interp(g, m, 1.109133005142212)
  v845 = tanh(v845)
  lr = lr * learning_rate
  update = m * lr
  v1 = sqrt(v1)
  update = update / v1
  wd = lr * weight_decay
  v1 = square(v1)
  wd = wd * w
  m = cosh(update)
  lr = tan(1.4572199583053589)
  update = update + wd
  lr = cos(v845)
  return update, m, v
"""

_LION_PAPER = "arXiv 2302.06675"

TEMPLATES: dict[str, Template] = {
    "adamw": Template(
        _ADAMW,
        {"learning_rate": 0.001, "weight_decay": 0.01, "beta1": 0.9, "beta2": 0.999},
        f"arXiv 1711.05101, as in {_LION_PAPER}",
    ),
    "adam": Template(_ADAM, {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999}, "arXiv 1412.6980"),
    "sgd": Template(_SGD, {"learning_rate": 0.1}, "Robbins and Monro 1951"),
    "momentum": Template(_MOMENTUM, {"learning_rate": 0.01, "beta1": 0.9}, "Polyak 1964"),
    "nesterov": Template(_NESTEROV, {"learning_rate": 0.01, "beta1": 0.9}, "Nesterov 1983; Sutskever et al. 2013"),
    "rmsprop": Template(_RMSPROP, {"learning_rate": 0.001, "beta2": 0.9}, "Tieleman and Hinton 2012, lecture 6.5"),
    "adagrad": Template(_ADAGRAD, {"learning_rate": 0.01}, "Duchi et al. 2011"),
    "adabelief": Template(_ADABELIEF, {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999}, "arXiv 2010.07468"),
    "signsgd": Template(_SIGNSGD, {"learning_rate": 0.0001}, "arXiv 1802.04434"),
    "signum": Template(
        _SIGN_OF_AVERAGE, {"learning_rate": 0.0001, "weight_decay": 0.01, "beta1": 0.9}, "arXiv 1802.04434"
    ),
    "ablation_0.9": Template(
        _SIGN_OF_AVERAGE,
        {"learning_rate": 0.0001, "weight_decay": 0.1, "beta1": 0.9},
        f"{_LION_PAPER}, sign of one average",
    ),
    "ablation_0.99": Template(
        _SIGN_OF_AVERAGE,
        {"learning_rate": 0.0001, "weight_decay": 0.1, "beta1": 0.99},
        f"{_LION_PAPER}, sign of one average",
    ),
    # Deviation: both without the decay of the sign term over training (f(t) = 1), for a program has no step count.
    "powersign": Template(_POWERSIGN, {"learning_rate": 0.1, "beta1": 0.9, "alpha": math.e}, "arXiv 1709.07417"),
    "addsign": Template(_ADDSIGN, {"learning_rate": 0.1, "beta1": 0.9, "alpha": 1.0}, "arXiv 1709.07417"),
    # A tenth of AdamW's learning rate, ten times its weight decay: the paper's rule.
    "lion": Template(_LION, {"learning_rate": 0.0001, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.99}, _LION_PAPER),
    "lion_raw": Template(
        _LION_RAW,
        {"learning_rate": 0.0002171761734643951, "weight_decay": 0.4601978361606598},
        f"{_LION_PAPER}, the raw winner",
    ),
}

optimizers: dict[str, Program] = {name: known(name) for name in TEMPLATES}
