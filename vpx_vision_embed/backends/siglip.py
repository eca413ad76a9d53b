"""SigLIP's image tower as its authors' repository stores it, beside the text tower and under other names, for timm."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from vpx_vision_embed.errors import BackendError

PREFIX = "vision_model."

_PLAIN = {
    "embeddings.patch_embedding.weight": "patch_embed.proj.weight",
    "embeddings.patch_embedding.bias": "patch_embed.proj.bias",
    "post_layernorm.weight": "norm.weight",
    "post_layernorm.bias": "norm.bias",
    "head.probe": "attn_pool.latent",
}
_PARTS = {
    "layer_norm1.": "norm1.",
    "layer_norm2.": "norm2.",
    "self_attn.out_proj.": "attn.proj.",
    "mlp.fc1.": "mlp.fc1.",
    "mlp.fc2.": "mlp.fc2.",
}
_HEAD = {
    "head.attention.out_proj.": "attn_pool.proj.",
    "head.layernorm.": "attn_pool.norm.",
    "head.mlp.fc1.": "attn_pool.mlp.fc1.",
    "head.mlp.fc2.": "attn_pool.mlp.fc2.",
}
_ENDS = ("weight", "bias")


def image_tower(path: Path) -> dict[str, torch.Tensor] | None:
    """The image tower of a safetensors file by its names there without `PREFIX`; None where the file has none.

    Raises BackendError: not such a file.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(PREFIX)]  # noqa: SIM118 - it is no mapping
            return {name.removeprefix(PREFIX): file.get_tensor(name) for name in names} or None
    except (OSError, SafetensorError) as error:
        raise BackendError(f"{path} cannot be read: {error}") from error


def renamed(tower: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """timm's state dict of an image tower. Raises BackendError where a tensor is missing."""
    try:
        found = {new: tower[old] for old, new in _PLAIN.items()}
        found["pos_embed"] = tower["embeddings.position_embedding.weight"][None]
        for end in _ENDS:
            found |= {f"{new}{end}": tower[f"{old}{end}"] for old, new in _HEAD.items()}
            joint = tower[f"head.attention.in_proj_{end}"]
            dim = len(joint) // 3
            found[f"attn_pool.q.{end}"], found[f"attn_pool.kv.{end}"] = joint[:dim], joint[dim:]
            for layer in range(_layers(tower)):
                old, new = f"encoder.layers.{layer}.", f"blocks.{layer}."
                found |= {f"{new}{part}{end}": tower[f"{old}{name}{end}"] for name, part in _PARTS.items()}
                parts = [tower[f"{old}self_attn.{name}_proj.{end}"] for name in "qkv"]
                found[f"{new}attn.qkv.{end}"] = torch.cat(parts)
    except KeyError as error:
        raise BackendError(f"the image tower has no tensor {error}") from error
    return found


def _layers(tower: dict[str, torch.Tensor]) -> int:
    return len({name.split(".")[2] for name in tower if name.startswith("encoder.layers.")})
