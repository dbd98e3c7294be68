"""Attention of Qwen2-VL's vision tower over many images at once.

In every layer, transformers loops over the images: 512 images in 32 layers are 16,384 calls of
small kernels, which a GPU finishes faster than the host can launch them. Images with the same
number of patches can be processed as a batch, in one call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def attend_together(model: Any) -> None:
    """Make a Qwen2-VL attend to all images in one call; all must have equally many patches."""
    for block in model.model.visual.blocks:
        block.attn.forward = _Together(block.attn)


class _Together:
    """Replaces a `VisionAttention.forward`, with the same sums."""

    def __init__(self, attention: Any) -> None:
        self.attention = attention

    def __call__(
        self,
        hidden_states: torch.Tensor,
        cu_seqlens: torch.Tensor,
        *_: Any,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        **__: Any,
    ) -> torch.Tensor:
        """hidden_states [patches of all images, width]; cu_seqlens: where each image ends."""
        import torch
        from transformers.models.qwen2_vl.modeling_qwen2_vl import apply_rotary_pos_emb_vision

        attention = self.attention
        patches, pictures = len(hidden_states), len(cu_seqlens) - 1
        qkv = attention.qkv(hidden_states).reshape(patches, 3, attention.num_heads, -1)
        query, key, value = qkv.unbind(1)
        query, key = apply_rotary_pos_emb_vision(query, key, *position_embeddings)
        seen = torch.nn.functional.scaled_dot_product_attention(
            *(x.unflatten(0, (pictures, -1)).transpose(1, 2) for x in (query, key, value))
        )  # [images, heads, patches of one, width of a head]
        joined: torch.Tensor = attention.proj(seen.transpose(1, 2).reshape(patches, -1))
        return joined
