"""What TRL asks of a tokenizer where ids are there already."""

from __future__ import annotations

from typing import Any

PAD, END = "<pad>", "<end>"


def tokenizer_for(model: Any) -> Any:
    """Return a tokenizer of no words, with the model's padding and end: nothing is ever tokenised with it."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    config = model.config.get_text_config()
    ends = config.eos_token_id
    end = ends[0] if isinstance(ends, list) else ends
    pad = config.pad_token_id if config.pad_token_id is not None else 0
    words = {PAD: pad, END: end if end not in (None, pad) else pad + 1}
    make: Any = PreTrainedTokenizerFast
    return make(tokenizer_object=Tokenizer(WordLevel(words, PAD)), pad_token=PAD, eos_token=END)
