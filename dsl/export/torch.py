"""Exports a program to an optimizer of PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

from dsl.export.body import Body, translate
from dsl.export.foreach import foreach
from dsl.export.layout import assignments, call, docstring, explain_betas, function, indent, literal
from dsl.export.parameters import BETA, LEARNING_RATE, WEIGHT_DECAY
from dsl.export.vocabulary import EXPRESSIONS, HELPERS, OF_NUMBERS, Helper, Vocabulary
from dsl.program import Program

_RESERVED = ("param", "params", "state", "states", "group", "groups", "i", "change")

_VOCABULARY = Vocabulary(
    "torch",
    EXPRESSIONS
    | {
        "exp10": "torch.pow(10.0, {0})",
        "cbrt": "torch.sign({0}) * torch.abs({0}) ** (1 / 3)",
        "norm": "torch.linalg.vector_norm({0})",
        "power": "torch.pow({0}, {1})",
    },
    HELPERS
    | {
        "clip_by_global_norm": Helper(
            '''\
def clip_by_global_norm(x, limits):
    """The tensors, each scaled down where the global norm exceeds its limit."""
    norm = global_norm(x)
    return [leaf * torch.clamp(limit / norm, max=1) for leaf, limit in zip(x, limits)]
''',
            ("dot", "global_norm"),
        ),
    },
    OF_NUMBERS | {"clip_by_global_norm": "{0} * torch.clamp({1} / abs({0}), max=1)"},
    {"max": "torch.clamp({0}, min={1})", "min": "torch.clamp({0}, max={1})"},
    frozenset(["+", "-", "*", "negative", "cube", "interp", "norm", "global_norm", "dot"]),
    limits_are_lists=True,
)

_RATE = '''\
def _rate(group, param):
    """The learning rate of a group as a tensor."""
    return torch.as_tensor(group["lr"], dtype=param.dtype, device=param.device)
'''

_SPARSE = """\
params = [param for param in group["params"] if param.grad is not None]
if any(param.grad.is_sparse for param in params):
    raise RuntimeError("FoundOptimizer does not support sparse gradients")"""

_STEP = """\
loss = None
if closure is not None:
    with torch.enable_grad():
        loss = closure()"""


def write(program: Program, provenance: str) -> str:
    """A module with `FoundOptimizer(params, lr, betas, weight_decay, foreach)`, a `torch.optim.Optimizer`.

    The arguments behind `lr` are there where the program has them. `foreach` is where PyTorch has all functions of the
    program for many tensors at once, and by default done on CUDA. What a program computes of the whole tree is computed
    of all parameters with a gradient, of all groups.

    Args:
        program: any program.
        provenance: for the docstring.

    Raises:
        ProgramError: for a program that `dsl.check` does not accept.
    """
    body = translate(program, _VOCABULARY, _RESERVED, per_leaf=(LEARNING_RATE, BETA, WEIGHT_DECAY))
    many = foreach(body)
    steps = [_single(body)] if body.leafwise else [_whole(body)]
    steps += [] if many is None else [_multi(body, many)]
    sections = [
        f"{docstring(provenance)}\nimport torch\n",
        *body.helpers,
        *([] if body.plain_rate else [_RATE]),
        *steps,
        _class(body, many is not None),
    ]
    return "\n\n".join(sections)


def _single(body: Body) -> str:
    """The source of a step of one parameter."""
    weights, gradient = body.inputs[:2]
    lines = [
        '"""A step of one parameter."""',
        *([f"{weights} = param"] if body.reads_weights else []),
        *([f"{gradient} = param.grad"] if body.reads_gradient else []),
        *(f'{name} = state["{name}"]' for name in body.states),
        *_of_group(body),
        *body.statements,
        *(f'state["{name}"] = {new}' for name, new in zip(body.states, _kept(body), strict=True)),
        f"param.sub_({body.outputs[0]})",
    ]
    return function("_single_tensor", _arguments(body, "param", "state", "group"), lines, [])


def _multi(body: Body, statements: Sequence[str]) -> str:
    """The source of a step of the parameters of a group."""
    lines = [
        '"""A step of many parameters at once."""',
        *_lists(body),
        *_of_group(body),
        *statements,
        *_keep(body),
        f"torch._foreach_sub_(params, {body.outputs[0]})",
    ]
    return function("_multi_tensor", _arguments(body, "params", "states", "group"), lines, [])


def _whole(body: Body) -> str:
    """The source of a step of all parameters."""
    rate = '[group["lr"] for group in groups]'
    if not body.plain_rate:
        rate = "[_rate(group, param) for group, param in zip(groups, params)]"
    lines = [
        '"""A step of all parameters, whose norms and products are over them all."""',
        *_lists(body),
        *([f"{body.rate} = {rate}"] if body.reads_rate else []),
        *(f'{name} = [group["betas"][{index}] for group in groups]' for index, name in enumerate(body.betas)),
        *(['weight_decay = [group["weight_decay"] for group in groups]'] if body.weight_decay is not None else []),
        *body.statements,
        *_keep(body),
        f"for param, change in zip(params, {body.outputs[0]}):\n    param.sub_(change)",
    ]
    return function("_all_tensors", _arguments(body, "params", "states", "groups"), lines, [])


def _arguments(body: Body, params: str, states: str, groups: str) -> list[str]:
    """What a step is called with: states and groups where it reads them."""
    reads_group = body.reads_rate or body.betas or body.weight_decay is not None
    return [params, *([states] if body.states else []), *([groups] if reads_group else [])]


def _of_group(body: Body) -> list[str]:
    """The lines that read the hyper-parameters of one group."""
    rate = 'group["lr"]' if body.plain_rate else "_rate(group, param)"
    lines = [f"{body.rate} = {rate}"] if body.reads_rate else []
    unpacked = f'{", ".join(body.betas)} = group["betas"]'
    if len(body.betas) > 1 and len(unpacked) < 100:
        lines.append(unpacked)
    else:
        lines += [f'{name} = group["betas"][{index}]' for index, name in enumerate(body.betas)]
    return lines + (['weight_decay = group["weight_decay"]'] if body.weight_decay is not None else [])


def _lists(body: Body) -> list[str]:
    """The lines that make lists of weights, gradients and states."""
    weights, gradient = body.inputs[:2]
    return [
        *([f"{weights} = params"] if body.reads_weights else []),
        *([f"{gradient} = [param.grad for param in params]"] if body.reads_gradient else []),
        *(f'{name} = [state["{name}"] for state in states]' for name in body.states),
    ]


def _keep(body: Body) -> list[str]:
    """The lines that keep the new states of a list of parameters."""
    kept = [f'    state["{name}"] = {new}' for name, new in zip(body.states, _kept(body, "[i]"), strict=True)]
    return ["\n".join(["for i, state in enumerate(states):", *kept])] if kept else []


def _kept(body: Body, item: str = "") -> list[str]:
    """The new states; weights and gradients are copied, for others change them in place."""
    assigned = {statement.target for statement in body.program.statements}
    borrowed = set(body.inputs[:2]) - assigned
    return [f"{name}{item}.clone()" if name in borrowed else f"{name}{item}" for name in body.outputs[1:]]


def _class(body: Body, many: bool) -> str:
    """The source of the optimizer."""
    parameters = ["self", "params", *assignments({"lr": 1.0 if body.learning_rate is None else body.learning_rate})]
    checks = [_refuse("0.0 <= lr", "learning rate: {lr}")]
    names = ["lr"]
    if body.betas:
        values = [*body.betas.values()]
        low, high = literal(min(0.0, *values)), literal(max(1.0, *values))
        parameters.append(_tuple("betas", [literal(value) for value in values]))
        checks.append(_refuse(f"len(betas) == {len(values)}", "number of betas: {betas}"))
        check = _refuse(f"{low} <= beta <= {high}", "beta parameter at index {index}: {beta}")
        checks.append("\n".join(["for index, beta in enumerate(betas):", *indent([check])]))
        names.append("betas")
    if body.weight_decay is not None:
        parameters += assignments({"weight_decay": body.weight_decay})
        checks.append(_refuse("0.0 <= weight_decay", "weight_decay value: {weight_decay}"))
        names.append("weight_decay")
    if many:
        parameters += ["*", "foreach=None"]
        names.append("foreach")
    defaults = ", ".join(f'"{name}": {name}' for name in names)
    lines = [
        _explain(body, many),
        "",
        *call("def __init__", parameters, ":", margin=4),
        *indent([*checks, f"super().__init__(params, {{{defaults}}})"]),
        "",
        "@torch.no_grad()",
        "def step(self, closure=None):",
        *indent(['"""One step; returns the loss that the closure computes, if there is one."""', _STEP]),
        *indent([*_call(body, many), "return loss"]),
        "",
        "def _ready(self, group):",
        *indent(['"""The parameters of a group that have a gradient, and from here on states."""', _SPARSE]),
        *indent([*_zeros(body), "return params"]),
    ]
    return "\n".join(["class FoundOptimizer(torch.optim.Optimizer):", *indent(lines)]) + "\n"


def _refuse(condition: str, what: str) -> str:
    return f'if not {condition}:\n    raise ValueError(f"Invalid {what}")'


def _tuple(name: str, values: Sequence[str]) -> str:
    """A parameter of `__init__` whose default is a tuple, on one line or with each of its items on one."""
    joined = f"{name}=({', '.join(values)}{',' * (len(values) == 1)})"
    return joined if len(joined) < 112 else "\n".join([f"{name}=(", *indent([f"{value}," for value in values]), ")"])


def _call(body: Body, many: bool) -> list[str]:
    """The lines that step all parameters."""
    if not body.leafwise:
        given = ", ".join(_arguments(body, "params", "[self.state[param] for param in params]", "groups"))
        return [
            "ready = [(param, group) for group in self.param_groups for param in self._ready(group)]",
            f"if ready:\n    params, groups = zip(*ready)\n    _all_tensors({given})",
        ]
    loop = [
        "for param in params:",
        f"    _single_tensor({', '.join(_arguments(body, 'param', 'self.state[param]', 'group'))})",
    ]
    lines = ["params = self._ready(group)"]
    if many:
        given = ", ".join(_arguments(body, "params", "[self.state[param] for param in params]", "group"))
        lines += [
            'foreach = group["foreach"] if group["foreach"] is not None else all(param.is_cuda for param in params)',
            "if foreach and params:",
            f"    _multi_tensor({given})",
            "else:",
            *indent(loop),
        ]
    else:
        lines += loop
    return ["for group in self.param_groups:", *indent(lines)]


def _zeros(body: Body) -> list[str]:
    """The lines that begin the states of new parameters."""
    if not body.states:
        return []
    zeros = [f'self.state[param]["{name}"] = torch.zeros_like(param)' for name in body.states]
    return ["for param in params:", *indent(["if not self.state[param]:", *indent(zeros)])]


def _explain(body: Body, many: bool) -> str:
    """The docstring of the class."""
    if body.learning_rate is not None:
        rate = "lr: the learning rate."
    elif body.reads_rate:
        rate = "lr: a factor, whose schedule has peak 1; the program holds the size of its steps."
    else:
        rate = "lr: a factor; the program does not depend on it."
    lines = ["params: the parameters, or dicts that define groups of them.", rate, *explain_betas(body.betas, "betas")]
    if body.weight_decay is not None:
        lines.append("weight_decay: how strongly the parameters decay.")
    if many:
        lines.append("foreach: whether to compute on all parameters of a group at once; by default on CUDA.")
    return "\n".join(['"""An optimizer found by evolving programs.', "", "Args:", *indent(lines), '"""'])
