"""The built-in models as one writes them by hand in plain JAX: examples first, `x @ w`, `jax.nn`, XLA's convolutions.

Each entry of PLAIN is for a family: (weights, loss). `weights(model)` turns the task's own weights into a pytree of
arrays [inputs, outputs]; `loss(task, w, data, batch)` is the task's loss. They are what scripts/bench_tasks.py measures
the built-in models against.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from proxy_tasks.language import Language
from proxy_tasks.masked_language import MaskedLanguage
from proxy_tasks.vision_mlp import Digits
from proxy_tasks.vision_resnet import VisionResnet
from proxy_tasks.vision_vit import DigitsVit


def entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Cross-entropy of each example: logits [..., classes]."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], -1)[..., 0]


def norm(x: jax.Array) -> jax.Array:
    """LayerNorm without parameters over the last axis."""
    return (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-6)


def transformer_weights(model: Any) -> dict[str, Any]:
    """Of a `Transformer`."""
    blocks = [{name: getattr(block, name).weight.T for name in ("qkv", "out", "up", "down")} for block in model.blocks]
    return {"positions": model.positions.T, "blocks": blocks}


def transformer(w: dict[str, Any], h: jax.Array, heads: int, causal: bool) -> jax.Array:
    """[examples, tokens, width] from the same."""
    h = h + w["positions"]
    examples, tokens, width = h.shape
    for block in w["blocks"]:
        qkv = (norm(h) @ block["qkv"]).reshape(examples, tokens, 3, heads, width // heads)
        q, k, v = (qkv[:, :, part].transpose(0, 2, 1, 3) for part in range(3))
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(width // heads)
        if causal:
            scores = jnp.where(jnp.tri(tokens, dtype=bool), scores, -jnp.inf)
        mixed = jax.nn.softmax(scores) @ v
        h = h + mixed.transpose(0, 2, 1, 3).reshape(examples, tokens, width) @ block["out"]
        h = h + jax.nn.gelu(norm(h) @ block["up"]) @ block["down"]
    return norm(h)


def mlp_weights(model: Any) -> list[tuple[jax.Array, jax.Array]]:
    """Of a `Perceptron`."""
    return [(layer.weight.T, layer.bias) for layer in model.layers]


def mlp(task: Any, w: Any, data: Any, batch: Any) -> jax.Array:
    """Loss of a perceptron on images."""
    h, y = data["train"]["x"][batch["examples"]], data["train"]["y"][batch["examples"]]
    for matrix, bias in w[:-1]:
        h = jax.nn.relu(h @ matrix + bias)
    return entropy(h @ w[-1][0] + w[-1][1], y).mean()


def vit_weights(model: Any) -> dict[str, Any]:
    """Of a `Vit`."""
    weights = {"embed": model.embed.weight.T, "head": model.head.weight.T}
    return weights | {"transformer": transformer_weights(model.transformer)}


def vit(task: Any, w: Any, data: Any, batch: Any) -> jax.Array:
    """Loss of a Vision Transformer; patches are [examples, pixels, tokens]."""
    x, y = data["train"]["x"][batch["examples"]], data["train"]["y"][batch["examples"]]
    h = transformer(w["transformer"], x.transpose(0, 2, 1) @ w["embed"], task.settings.heads, causal=False)
    return entropy(h.mean(1) @ w["head"], y).mean()


def resnet_weights(model: Any) -> dict[str, Any]:
    """Of a `ResNet`: kernels [height, width, inputs, outputs]."""

    def kernel(layer: Any) -> Any:
        return None if layer is None else layer.weight.transpose(2, 3, 1, 0)

    def scale(layer: Any) -> Any:
        return layer.weight, layer.bias

    blocks = [
        (*map(scale, block.norms), *map(kernel, block.convolutions), kernel(block.shortcut)) for block in model.blocks
    ]
    return {
        "stem": kernel(model.stem),
        "blocks": blocks,
        "norm": scale(model.norm),
        "head": (model.head.weight.T, model.head.bias),
    }


def resnet(task: Any, w: Any, data: Any, batch: Any) -> jax.Array:
    """Loss of a residual network; images are [examples, channels, height, width]."""
    x, y = data["train"]["x"][batch["examples"]], data["train"]["y"][batch["examples"]]

    def convolve(kernel: jax.Array, x: jax.Array, stride: int = 1) -> jax.Array:
        side = kernel.shape[0] // 2
        return lax.conv_general_dilated(
            x, kernel, (stride, stride), ((side, side), (side, side)), dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    def normal(scale: Any, x: jax.Array) -> jax.Array:
        grouped = x.reshape(*x.shape[:3], -1, 4)
        mean = grouped.mean((1, 2, 4), keepdims=True)
        variance = grouped.var((1, 2, 4), keepdims=True)
        normed = ((grouped - mean) / jnp.sqrt(variance + 1e-6)).reshape(x.shape)
        return jax.nn.relu(normed * scale[0] + scale[1])

    h = convolve(w["stem"], x.transpose(0, 2, 3, 1))
    for first_norm, second_norm, first, second, shortcut in w["blocks"]:
        stride = 1 if shortcut is None else 2
        read = normal(first_norm, h)
        mixed = convolve(second, normal(second_norm, convolve(first, read, stride)))
        h = mixed + (h if shortcut is None else convolve(shortcut, read, stride))
    pooled = normal(w["norm"], h).mean((1, 2))
    return entropy(pooled @ w["head"][0] + w["head"][1], y).mean()


def language_weights(model: Any) -> dict[str, Any]:
    """Of a `LanguageModel`."""
    weights = {"symbols": model.symbols.T, "head": model.head.weight.T}
    return weights | {"transformer": transformer_weights(model.transformer)}


def language(task: Any, w: Any, data: Any, batch: Any) -> jax.Array:
    """Loss of a decoder-only language model."""
    windows = data["train"][batch[:, None] + jnp.arange(task.settings.context + 1)]
    h = transformer(w["transformer"], w["symbols"][windows[:, :-1]], task.settings.heads, causal=True)
    return entropy(h @ w["head"], windows[:, 1:]).mean()


def masked_language(task: Any, w: Any, data: Any, batch: Any) -> jax.Array:
    """Loss of a masked language model."""
    windows = data["train"][batch["starts"][:, None] + jnp.arange(task.settings.context)]
    seen = jnp.where(batch["hidden"], task.symbols, windows)
    h = transformer(w["transformer"], w["symbols"][seen], task.settings.heads, causal=False)
    return (entropy(h @ w["head"], windows) * batch["hidden"]).sum() / batch["hidden"].sum()


PLAIN: dict[type, tuple[Callable, Callable]] = {
    Digits: (mlp_weights, mlp),
    DigitsVit: (vit_weights, vit),
    VisionResnet: (resnet_weights, resnet),
    Language: (language_weights, language),
    MaskedLanguage: (language_weights, masked_language),
}
