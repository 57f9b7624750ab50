"""An exported PyTorch optimizer is one as users know them: groups, states, schedulers, closures, refusals."""

from __future__ import annotations

import inspect
import io

import numpy as np
import pytest

from dsl.export import export
from dsl.optimizers import optimizers
from dsl.parser import parse
from dsl.reference import step
from tests.dsl.exported import NO_TORCH, load

torch = pytest.importorskip("torch", reason=NO_TORCH)

CLIPPED = """
    def train(w, g, m, lr):
      g = clip(g, 1.5)
      m = interp(g, m, 0.9)
      similar = cosine_sim(g, m)
      size = norm(m)
      update = m * similar
      update = update + size
      decay = w * 0.1
      update = update + decay
      lr = lr * 0.01
      update = update * lr
      return update, m
"""


def found(program):
    return load(program if not isinstance(program, str) else parse(program), "torch")["FoundOptimizer"]


def parameters(count=3, dtype=torch.float32, device="cpu"):
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 4), (5,), ()][:count]
    return [torch.nn.Parameter(torch.randn(shape, generator=generator).to(device, dtype)) for shape in shapes]


def give_gradients(params, seed):
    generator = torch.Generator().manual_seed(seed)
    for param in params:
        param.grad = torch.randn(param.shape, generator=generator).to(param)


def descend(optimizer, params, seeds):
    for seed in seeds:
        give_gradients(params, seed)
        optimizer.step()
    return [param.detach().clone() for param in params]


@pytest.mark.parametrize("name", optimizers)
def test_it_is_an_optimizer_with_the_arguments_of_one(name):
    make = found(optimizers[name])
    assert issubclass(make, torch.optim.Optimizer)
    names = [name for name in inspect.signature(make).parameters if name != "params"]
    assert names == [name for name in ("lr", "betas", "weight_decay", "foreach") if name in names] and "lr" in names
    assert set(names) == {key for key in make(parameters()).param_groups[0] if key != "params"}


def test_what_was_found_are_the_defaults():
    (group,) = found(optimizers["lion"])(parameters()).param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-4, (0.9, 0.99), 0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -0.1}, "Invalid learning rate: -0.1"),
        ({"betas": (0.9, 1.5)}, "Invalid beta parameter at index 1: 1.5"),
        ({"betas": (-0.1, 0.9)}, "Invalid beta parameter at index 0: -0.1"),
        ({"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        found(optimizers["adamw"])(parameters(), **options)


def test_a_beta_that_was_found_out_of_range_is_accepted():
    make = found(optimizers["lion_raw"])
    assert make(parameters()).param_groups[0]["betas"] == (0.9, 1.109133)
    with pytest.raises(ValueError, match="index 1: 1.2"):
        make(parameters(), betas=(0.9, 1.2))


@pytest.mark.parametrize("text", [str(optimizers["adamw"]), CLIPPED], ids=["leafwise", "whole tree"])
def test_groups_have_values_of_their_own(text):
    def train(values):
        params = parameters()
        groups = [{"params": [param]} | given for param, given in zip(params, values, strict=True)]
        return descend(found(text)(groups), params, range(3))

    plain = train([{}, {}, {}])
    still = train([{}, {"lr": 0.0}, {"weight_decay": 0.0}])
    assert torch.equal(plain[0], still[0]) and torch.equal(still[1], parameters()[1])
    assert not torch.equal(plain[2], still[2])
    assert not torch.equal(plain[0], train([{"betas": (0.5, 0.999)[: text.count("interp")]}, {}, {}])[0])


@pytest.mark.parametrize("grouped", [False, True])
def test_the_whole_tree_is_all_parameters_of_all_groups(grouped):
    program, params = parse(CLIPPED), parameters(dtype=torch.float64)
    optimizer = found(program)([{"params": [param]} for param in params] if grouped else params)
    w = [param.detach().numpy().copy() for param in params]
    states = [[np.zeros_like(leaf) for leaf in w]]
    for seed in range(4):
        give_gradients(params, seed)
        update, states = step(program, w, [param.grad.numpy() for param in params], states, 1.0)
        w = [leaf - change for leaf, change in zip(w, update, strict=True)]
        optimizer.step()
        for leaf, param in zip(w, params, strict=True):
            np.testing.assert_allclose(param.detach().numpy(), leaf, rtol=1e-7)


def test_what_all_groups_share_is_used_with_the_values_of_each():
    text = "def train(w, g, m, lr):\n  g = clip(g, lr)\n  rate = tanh(lr)\n  rate = max(rate, 0.2)\n"
    text += "  m = interp(g, m, 0.9)\n  u = m * rate\n  return u, m"

    def train(rates):
        params = parameters()
        groups = [{"params": [param], "lr": rate} for param, rate in zip(params, rates, strict=True)]
        return descend(found(text)(groups), params, [0, 1])

    rates = [0.1, 0.5, 1.0]
    for number, param in enumerate(train(rates)):
        assert torch.equal(param, train(rates[number : number + 1] * 3)[number])
        assert not torch.equal(param, train([0.3] * 3)[number])


@pytest.mark.parametrize("text", [str(optimizers["lion"]), CLIPPED], ids=["leafwise", "whole tree"])
def test_a_parameter_without_a_gradient_is_left_alone_and_does_not_count(text):
    params, fewer = parameters(3), parameters(2)
    optimizer = found(text)(params)
    give_gradients(fewer, 0)
    for param, other in zip(params, fewer, strict=False):
        param.grad = other.grad
    optimizer.step()
    found(text)(fewer).step()
    assert all(map(torch.equal, params, fewer)) and torch.equal(params[2], parameters(3)[2])
    assert params[2] not in optimizer.state


def test_without_any_gradient_nothing_happens():
    for text in (str(optimizers["lion"]), CLIPPED):
        params = parameters()
        optimizer = found(text)(params)
        optimizer.step()
        assert all(map(torch.equal, params, parameters())) and not optimizer.state


@pytest.mark.parametrize("name", optimizers)
def test_a_state_dict_goes_on_where_it_was_saved(name):
    program = optimizers[name]
    params = parameters()
    optimizer = found(program)(params, lr=0.5)
    descend(optimizer, params, range(3))
    saved = io.BytesIO()
    torch.save(optimizer.state_dict(), saved)
    saved.seek(0)
    others = [torch.nn.Parameter(param.detach().clone()) for param in params]
    other = found(program)(others)
    other.load_state_dict(torch.load(saved))
    assert other.param_groups[0]["lr"] == 0.5
    went_on = descend(optimizer, params, range(3, 6))
    assert all(map(torch.equal, descend(other, others, range(3, 6)), went_on))


def test_states_are_named_as_in_the_program_and_like_the_parameters():
    params = parameters(dtype=torch.bfloat16)
    optimizer = found(optimizers["adamw"])(params)
    descend(optimizer, params, range(2))
    assert all(set(optimizer.state[param]) == {"m", "v"} for param in params)
    states = [(state, param) for param in params for state in optimizer.state[param].values()]
    assert all(state.shape == param.shape and state.dtype == torch.bfloat16 for state, param in states)


@pytest.mark.parametrize("text", [str(optimizers["lion"]), CLIPPED], ids=["leafwise", "whole tree"])
def test_a_scheduler_changes_the_learning_rate(text):
    params, others = parameters(), parameters()
    optimizer, other = found(text)(params, lr=0.1), found(text)(others, lr=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    for number in range(3):
        other.param_groups[0]["lr"] = 0.1 / (1 + number)
        descend(optimizer, params, [number])
        schedule.step()
        descend(other, others, [number])
    assert all(map(torch.equal, params, others))


def test_the_learning_rate_may_be_a_tensor():
    for text in (*map(str, optimizers.values()), CLIPPED):
        make, (params, others) = found(text), (parameters(), parameters())
        peak = inspect.signature(make).parameters["lr"].default
        expected = descend(make(params, lr=peak), params, range(2))
        for one, other in zip(descend(make(others, lr=torch.tensor(peak)), others, range(2)), expected, strict=True):
            torch.testing.assert_close(one, other)


def test_a_closure_computes_the_loss_and_its_gradient():
    (param,) = params = parameters(1)
    optimizer = found(optimizers["sgd"])(params)

    def closure():
        optimizer.zero_grad()
        loss = (param**2).sum()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(5)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0] / 2
    assert optimizer.step() is None


def test_sparse_gradients_are_refused():
    table = torch.nn.Embedding(4, 2, sparse=True)
    optimizer = found(optimizers["lion"])(table.parameters())
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match="FoundOptimizer does not support sparse gradients"):
        optimizer.step()


def test_many_tensors_at_once_give_what_one_by_one_does():
    able = [name for name, program in optimizers.items() if "foreach" in export(program, "torch")]
    assert set(optimizers) - set(able) == {"lion_raw"}
    for name in able:
        make, (params, others) = found(optimizers[name]), (parameters(), parameters())
        one = descend(make(params, foreach=False), params, range(4))
        many = descend(make(others, foreach=True), others, range(4))
        for a, b in zip(one, many, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "statement", ["x = norm(g)", "x = arctanh(g)", "x = cbrt(g)", "x = max(g, lr)", "x = tanh(lr)"]
)
def test_what_pytorch_has_no_function_of_many_tensors_for_is_done_one_by_one(statement):
    text = export(parse(f"def train(w, g, lr):\n  {statement}\n  x = x * g\n  x = x * lr\n  return x"), "torch")
    assert "foreach" not in text


def test_a_state_that_is_the_gradient_or_the_weights_is_a_copy():
    program = parse("def train(w, g, m, v, lr):\n  u = m + v\n  u = u * 0.1\n  return u, g, w")
    for options in ({}, {"foreach": True}):
        params = parameters(1)
        optimizer = found(program)(params, **options)
        (before,) = parameters(1)
        give_gradients(params, 0)
        gradient = params[0].grad.clone()
        optimizer.step()
        params[0].grad.zero_()
        optimizer.step()
        torch.testing.assert_close(params[0].detach(), before.detach() - 0.1 * (gradient + before.detach()))
