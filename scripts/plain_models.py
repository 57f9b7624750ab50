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

from proxy_tasks.contrastive import Contrastive
from proxy_tasks.ctr import Ctr
from proxy_tasks.diffusion import Diffusion
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


def kernel(layer: Any) -> Any:
    """Of a convolution: [height, width, inputs, outputs]."""
    return None if layer is None else layer.weight.transpose(2, 3, 1, 0)


def scale_and_bias(layer: Any) -> tuple[jax.Array, jax.Array]:
    """Of a `Norm`."""
    return layer.weight, layer.bias


def convolve(kernel: jax.Array, x: jax.Array, stride: int = 1) -> jax.Array:
    """XLA's convolution of [examples, height, width, channels], with zeros around."""
    around = ((kernel.shape[0] // 2,) * 2,) * 2
    return lax.conv_general_dilated(x, kernel, (stride, stride), around, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def group_norm(x: jax.Array) -> jax.Array:
    """Over groups of four channels and all pixels of each example."""
    grouped = x.reshape(*x.shape[:3], -1, 4)
    centred = grouped - grouped.mean((1, 2, 4), keepdims=True)
    return (centred / jnp.sqrt(grouped.var((1, 2, 4), keepdims=True) + 1e-6)).reshape(x.shape)


def resnet_weights(model: Any) -> dict[str, Any]:
    """Of a `ResNet`."""
    blocks = [
        (*map(scale_and_bias, block.norms), *map(kernel, block.convolutions), kernel(block.shortcut))
        for block in model.blocks
    ]
    return {
        "stem": kernel(model.stem),
        "blocks": blocks,
        "norm": scale_and_bias(model.norm),
        "head": (model.head.weight.T, model.head.bias),
    }


def resnet(task: Any, w: Any, data: Any, batch: Any) -> jax.Array:
    """Loss of a residual network; images are [examples, channels, height, width]."""
    x, y = data["train"]["x"][batch["examples"]], data["train"]["y"][batch["examples"]]

    def normal(norm: Any, x: jax.Array) -> jax.Array:
        return jax.nn.relu(group_norm(x) * norm[0] + norm[1])

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


def unet_weights(model: Any) -> dict[str, Any]:
    """Of a `UNet`."""

    def block(timed: Any) -> dict[str, Any]:
        return {
            "time": (timed.time.weight.T, timed.time.bias),
            "convolution": kernel(timed.convolution),
            "shortcut": kernel(timed.shortcut),
        }

    return {
        "stem": kernel(model.stem),
        "down": [block(timed) for timed in model.down],
        "up": [block(timed) for timed in model.up],
        "norm": scale_and_bias(model.norm),
        "head": kernel(model.head),
    }


def diffusion(task: Any, w: Any, data: Any, batch: Any) -> jax.Array:
    """Error of the noise that a U-Net tells; images are [examples, channels, height, width]."""
    x = data["train"][batch["examples"]]
    noise = lax.dynamic_slice(data["noise"], (batch["noise"],), (x.size,)).reshape(x.shape)
    signal, deviation = (data[name][batch["time"]][:, None, None, None] for name in ("signal", "deviation"))
    time = (batch["time"] + 1) / task.settings.noise_steps
    angles = time[:, None] * jnp.geomspace(1, 1000.0, 8)
    waves = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=1)

    def timed(block: Any, h: jax.Array, stride: int) -> jax.Array:
        scale, shift = jnp.split(waves @ block["time"][0] + block["time"][1], 2, axis=1)
        read = jax.nn.relu((1 + scale[:, None, None]) * group_norm(h) + shift[:, None, None])
        mixed = convolve(block["convolution"], read, stride)
        return mixed + (h if block["shortcut"] is None else convolve(block["shortcut"], read, stride))

    h, levels = convolve(w["stem"], (signal * x + deviation * noise).transpose(0, 2, 3, 1)), []
    for number, block in enumerate(w["down"]):
        h = timed(block, h, 2 if number else 1)
        levels.append(h)
    for block, beside in zip(w["up"], reversed(levels[:-1]), strict=True):
        larger = h.repeat(2, 1).repeat(2, 2)[:, : beside.shape[1], : beside.shape[2]]
        h = timed(block, jnp.concatenate([larger, beside], axis=3), 1)
    read = jax.nn.relu(group_norm(h) * w["norm"][0] + w["norm"][1])
    return ((convolve(w["head"], read).transpose(0, 3, 1, 2) - noise) ** 2).mean()


def towers_weights(model: Any) -> dict[str, Any]:
    """Of `TwoTowers`."""
    return {
        "pictures": vit_weights(model.pictures),
        "texts": language_weights(model.texts),
        "scale": model.scale,
    }


def contrastive(task: Any, w: Any, data: Any, batch: Any) -> jax.Array:
    """InfoNCE of pictures and texts, without the other pairs of the same text."""
    train, heads = data["train"], task.settings.heads
    x, right = train["x"][batch["examples"]], train["y"][batch["examples"]]
    words = train["texts"][right, batch["texts"]]
    seen = transformer(w["pictures"]["transformer"], x.transpose(0, 2, 1) @ w["pictures"]["embed"], heads, causal=False)
    read = transformer(w["texts"]["transformer"], w["texts"]["symbols"][words], heads, causal=False)
    pictures, texts = seen.mean(1) @ w["pictures"]["head"], (read @ w["texts"]["head"]).mean(1)
    pictures, texts = (v / jnp.sqrt((v * v).sum(1, keepdims=True) + 1e-12) for v in (pictures, texts))
    others = (right[:, None] == right) & ~jnp.eye(len(right), dtype=bool)
    logits = jnp.where(others, -jnp.inf, w["scale"]() * pictures @ texts.T)
    pairs = jnp.arange(len(right))
    return (entropy(logits, pairs) + entropy(logits.T, pairs)).mean() / 2


def ctr_weights(model: Any) -> dict[str, Any]:
    """Of an `EmbeddingPerceptron`; there are no quantities."""
    return {"values": model.values, "layers": mlp_weights(model.perceptron)}


def ctr(task: Any, w: Any, data: Any, batch: Any) -> jax.Array:
    """Loss of a perceptron over embeddings."""
    names, y = data["train"]["names"][batch], data["train"]["y"][batch]
    h = w["values"][names].reshape(len(names), -1)
    for matrix, bias in w["layers"][:-1]:
        h = jax.nn.relu(h @ matrix + bias)
    logits = (h @ w["layers"][-1][0] + w["layers"][-1][1])[:, 0]
    return -(y * jax.nn.log_sigmoid(logits) + (1 - y) * jax.nn.log_sigmoid(-logits)).mean()


PLAIN: dict[type, tuple[Callable, Callable]] = {
    Digits: (mlp_weights, mlp),
    DigitsVit: (vit_weights, vit),
    VisionResnet: (resnet_weights, resnet),
    Language: (language_weights, language),
    MaskedLanguage: (language_weights, masked_language),
    Diffusion: (unet_weights, diffusion),
    Contrastive: (towers_weights, contrastive),
    Ctr: (ctr_weights, ctr),
}
