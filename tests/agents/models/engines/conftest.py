"""A tiny random model and tokenizer, made by the tests: real weights for real engines, in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content }}{{ eos_token }}"
    "{% else %}[INST] {{ m.role }}: {{ m.content }} [/INST]{% endif %}{% endfor %}"
)
VOCABULARY = 512
SENTENCES = (
    "the learned ranking is measured by a number between zero and one",
    "a model of preference is trained on pairs of answers that reviewers compare",
    "experiments with five seeds show the mean and its standard error",
)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random model of Mistral's kind in float32, its tokenizer and a chat template."""
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'peercycle[transformers]'")
    transformers = pytest.importorskip(
        "transformers", reason="needs transformers: pip install 'peercycle[transformers]'"
    )
    folder = tmp_path_factory.mktemp("tiny-mistral")
    torch.set_num_threads(1)
    tokenizer(transformers).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        config = transformers.MistralConfig(
            vocab_size=VOCABULARY,
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=64,
            max_position_embeddings=8192,
            sliding_window=None,
            bos_token_id=1,
            eos_token_id=2,
        )
        model = transformers.MistralForCausalLM(config)
    transformers.utils.logging.disable_progress_bar()
    model.to(torch.float32).save_pretrained(folder)
    return folder


def tokenizer(transformers: Any) -> Any:
    """A byte-level BPE of 512 tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<unk>", "<s>", "</s>", "[INST]", "[/INST]"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(SENTENCES * 50, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=TEMPLATE
    )
