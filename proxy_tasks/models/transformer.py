"""The blocks of every transformer here: pre-LayerNorm without parameters, no biases, GELU."""

from __future__ import annotations

import equinox as eqx
import jax
from equinox.nn import Linear

from proxy_tasks.models.layers import attention, columns, layer_norm


class Block(eqx.Module):
    """Attention and a perceptron, each added to what it reads.

    Args:
        width: features of a token.
        heads: attention heads; divides the width.
        hidden: width of the perceptron, in units of the width.
        key: for fresh weights.
    """

    qkv: Linear
    out: Linear
    up: Linear
    down: Linear
    heads: int = eqx.field(static=True)

    def __init__(self, width: int, heads: int, hidden: int, key: jax.Array):
        self.heads = heads
        self.qkv = Linear(width, 3 * width, use_bias=False, key=key)
        self.out = Linear(width, width, use_bias=False, key=key)
        self.up = Linear(width, hidden * width, use_bias=False, key=key)
        self.down = Linear(hidden * width, width, use_bias=False, key=key)

    def __call__(self, h: jax.Array, tokens: int, causal: bool = False) -> jax.Array:
        """[width, tokens examples] from the same."""
        mixed = attention(columns(self.qkv)(layer_norm(h)), self.heads, tokens, causal)
        h = h + columns(self.out)(mixed)
        return h + columns(self.down)(jax.nn.gelu(columns(self.up)(layer_norm(h))))


class Transformer(eqx.Module):
    """Blocks over tokens with learned positions.

    Args:
        width: features of a token.
        layers: number of blocks.
        heads: attention heads; divides the width.
        hidden: width of the perceptrons, in units of the width.
        tokens: of an example.
        causal: whether a token sees only itself and those before it.
        key: for fresh weights.
    """

    positions: jax.Array  # [width, tokens]
    blocks: tuple[Block, ...]
    causal: bool = eqx.field(static=True)

    def __init__(self, width: int, layers: int, heads: int, hidden: int, tokens: int, causal: bool, key: jax.Array):
        self.positions = jax.numpy.zeros((width, tokens))
        self.blocks = tuple(Block(width, heads, hidden, key) for _ in range(layers))
        self.causal = causal

    def __call__(self, h: jax.Array) -> jax.Array:
        """Normalised features [width, tokens, examples] of embedded tokens of the same shape."""
        width, tokens, examples = h.shape
        h = (h + self.positions[:, :, None]).reshape(width, tokens * examples)
        for block in self.blocks:
            h = block(h, tokens, self.causal)
        return layer_norm(h).reshape(width, tokens, examples)
