"""What the engines' benchmarks ask and of whom: random models of Mistral's kind, prompts, and a stage that asks."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from peercycle import hookimpl
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.modelling import ModelRequest, Sampling
from peercycle.core.runs import RunOptions
from peercycle.core.writing import Manuscript, Section

VOCABULARY = 2048


class Shape(NamedTuple):
    """Of a random model."""

    hidden: int
    layers: int


SHAPES = {"tiny": Shape(256, 4), "small": Shape(512, 8)}


def make_model(folder: Path, shape: Shape) -> None:
    """Write a random model, its tokenizer and a chat template."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([paper_text(random.Random(0), 20_000)], trainer)
    template = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    library: Any = transformers
    library.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=template
    ).save_pretrained(folder)
    heads = shape.hidden // 64
    config = transformers.MistralConfig(
        vocab_size=VOCABULARY,
        hidden_size=shape.hidden,
        intermediate_size=2 * shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=64,
        max_position_embeddings=16384,
        sliding_window=None,
        bos_token_id=1,
        eos_token_id=2,
    )
    transformers.MistralForCausalLM(config).save_pretrained(folder)


def paper_text(chance: random.Random, words: int) -> str:
    """Return words that no two papers share the order of."""
    known = "ranking preference reward policy answer pair model seed error mean train learn measure compare".split()
    return " ".join(chance.choice(known) + chance.choice(("", "s", ".", ",")) for _ in range(words))


def questions(chance: random.Random, calls: int, tokens: int) -> Iterator[ModelRequest]:
    """Yield requests for so many tokens after as many, end-of-turn tokens ignored."""
    for _ in range(calls):
        yield ModelRequest(
            # None of the ids is a special token's.
            prompt_token_ids=tuple(chance.randrange(3, VOCABULARY) for _ in range(tokens)),
            sampling=Sampling(max_tokens=tokens, temperature=1.0, ignore_eos=True),
            seed=chance.randrange(1 << 31),
        )


class Asking:
    """Puts a stage in the place of `write` that asks the model so many times, one after the other."""

    def __init__(self, calls: int, tokens: int) -> None:
        self.name = "write"
        self.ask(calls, tokens)

    def ask(self, calls: int, tokens: int) -> None:
        """Have runs from now on ask so many times for so many tokens."""
        self._calls, self._tokens = calls, tokens

    async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> Mapping[str, JSON]:
        model = ctx.model()
        for request in questions(self.chance(ctx), self._calls, self._tokens):
            await model.generate([request])
        return await saved(ctx, "A measured paper.")

    def chance(self, ctx: StageContext) -> random.Random:
        """Return what draws the prompts: every candidate has its own."""
        return ctx.rng

    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        builder.replace_stage("write", self)


async def saved(ctx: StageContext, body: str) -> Mapping[str, JSON]:
    """Return a stage's answer: a paper of one section."""
    section = Section(heading="Paper", body=body)
    return {"manuscript": await ctx.save(Manuscript(title="A paper", abstract="", sections=(section,)))}


def options(room: Path, models: Any, **changes: Any) -> RunOptions:
    """Return the smallest cycle with a model."""
    given: dict[str, Any] = {
        "runs_dir": str(room),
        "models": models,
        "policy": "direct",
        "reviewer": "rubric",
        "literature": (),
        "exporters": (),
        "experiments": "off",
        "sandbox": "none",
        "rounds": 0,
    }
    return RunOptions.model_validate({**given, **changes})
