from __future__ import annotations

import json

import numpy as np
import pytest

from livecc.errors import LiveccError
from livecc.models.gguf import convert_gguf
from livecc.stages.score_lm_loss.engine import LossEngine
from livecc.stages.score_lm_loss.prompts import LossRequest
from tests.support.tiny_language_models import CHATML, plain_loss, save_model


def rotary_pairs_side_by_side(weight, n_heads):
    """GGUF keeps the two halves of a rotary pair next to each other, transformers far apart."""
    return (
        weight.reshape(n_heads, 2, weight.shape[0] // n_heads // 2, weight.shape[1])
        .swapaxes(1, 2)
        .reshape(weight.shape)
    )


def write_gguf(folder, path):
    """A GGUF file of the tiny Llama in `folder`, as llama.cpp would write it."""
    gguf = pytest.importorskip("gguf")
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    config = model.config
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]
    tokens = sorted(vocabulary["vocab"], key=vocabulary["vocab"].get)
    tokens += [f"<unused{i}>" for i in range(config.vocab_size - len(tokens))]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges(
        [m if isinstance(m, str) else " ".join(m) for m in vocabulary["merges"]]
    )
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(CHATML)
    names = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    writer.add_tensor("token_embd.weight", weights["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", weights["model.norm.weight"])
    writer.add_tensor("output.weight", weights["lm_head.weight"])
    for layer in range(config.num_hidden_layers):
        for theirs, ours in names.items():
            weight = weights[f"model.layers.{layer}.{theirs}.weight"]
            if ours == "attn_q":
                weight = rotary_pairs_side_by_side(weight, config.num_attention_heads)
            if ours == "attn_k":
                weight = rotary_pairs_side_by_side(weight, config.num_key_value_heads)
            writer.add_tensor(f"blk.{layer}.{ours}.weight", np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_converted_model_gives_the_losses_of_the_model_it_was_made_from(tmp_path):
    pytest.importorskip("accelerate")
    source = save_model(tmp_path / "source", "llama")
    write_gguf(source, tmp_path / "tiny.gguf")
    convert_gguf(tmp_path / "tiny.gguf", tmp_path / "made" / "model")
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == ["model"]
    assert (tmp_path / "made" / "model" / "model.safetensors").stat().st_mode & 0o044 == 0o044
    engine = LossEngine.load(tmp_path / "made" / "model", device="cpu")
    request = LossRequest("k", "A title", "words before", "and here I would like to share")
    (result,) = next(engine.score([[request]]))
    expected = plain_loss(source, request.title, request.context, request.text)
    assert result.loss == pytest.approx(expected, abs=2e-5)


def test_what_can_be_wrong_with_the_file(tmp_path):
    with pytest.raises(LiveccError, match="no such file"):
        convert_gguf(tmp_path / "none.gguf", tmp_path / "out")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF but not really" * 100)
    with pytest.raises(LiveccError, match=r"bad\.gguf"):
        convert_gguf(tmp_path / "bad.gguf", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    with pytest.raises(LiveccError, match="already exists"):
        convert_gguf(tmp_path / "bad.gguf", tmp_path / "out")
