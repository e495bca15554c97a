"""Whether pairs are for this model: their tokenizer, their template, their ids."""

from __future__ import annotations

from typing import Any

from peercycle.core.errors import BadInputError
from peercycle.trainers.model_folder import hashes_of

Hashes = set[tuple[str | None, str | None]]


def check_hashes(found: Hashes, base: str, tokenizer_hash: str | None, template_hash: str | None) -> None:
    """Raise `BadInputError` where pairs were sampled with another tokenizer or template than the model's.

    A given hash stands in place of the one of the model's own files. An unknown one is no objection.
    """
    if len(found - {(None, None)}) > 1:
        known = len(found - {(None, None)})
        raise BadInputError(f"the pairs were sampled with {known} tokenizers or templates; train on one at a time")
    own = hashes_of(base)
    for name, of_pairs, wanted in (
        ("tokenizer", {each[0] for each in found}, tokenizer_hash or own[0]),
        ("chat template", {each[1] for each in found}, template_hash or own[1]),
    ):
        other = next((each for each in sorted(of_pairs - {None, wanted}, key=str)), None)
        if wanted is not None and other is not None:
            raise BadInputError(
                f"the pairs were sampled with the {name} {other[:12]}, and {base!r} has {wanted[:12]}; train the model "
                "that sampled them, or make the pairs again with --retokenize"
            )


def check_ids(store: Any, model: Any, base: str) -> None:
    """Raise `BadInputError` for ids beyond the vocabulary, and for prompts that begin with two begin tokens."""
    from peercycle.trainers.simpo.scoring import text_config

    config = text_config(model)
    least, largest = store.least_and_largest_id()
    if least < 0 or largest >= config.vocab_size:
        raise BadInputError(
            f"the pairs hold token id {least if least < 0 else largest}, and {base!r} has {config.vocab_size} tokens; train the model that "
            "sampled them"
        )
    first = getattr(config, "bos_token_id", None)
    if first is None:
        return
    for pair in (*store.train, *store.heldout):
        for episode in (pair.winner, pair.loser):
            for segment in episode.segments:
                if segment.prompt[:2].tolist() == [first, first]:
                    raise BadInputError(
                        f"a prompt of pair {pair.id!r} begins with two begin tokens; the template writes its own"
                    )
