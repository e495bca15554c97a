"""Pieces smaller than an episode: tiles of the head, blocks of the attention, and lengths that they do not divide."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'peercycle[train]'")

from peercycle.trainers.simpo import attention  # noqa: E402
from peercycle.trainers.simpo.head import HeadSettings, episode_sums, head_settings  # noqa: E402
from peercycle.trainers.simpo.layout import PrefixGroup  # noqa: E402


@pytest.mark.parametrize("rows", [1, 3, 5, 100])
@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("frozen", ["nothing", "weight", "hidden"])
def test_the_head_is_exact_whatever_its_tiles(rows: int, unit: bool, frozen: str) -> None:
    torch.manual_seed(0)
    counts = (5, 1, 9)
    hidden = torch.randn(15, 7, dtype=torch.float64, requires_grad=frozen != "hidden")
    weight = torch.randn(31, 7, dtype=torch.float64, requires_grad=frozen != "weight")
    bias = torch.randn(31, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(31, (15,))
    pull = torch.tensor([0.5, -2.0, 0.25], dtype=torch.float64)

    logp = torch.log_softmax(hidden @ weight.T + bias, -1).gather(-1, targets[:, None]).squeeze(-1)
    wanted = torch.stack([part.sum() for part in logp.split(counts)])
    inputs = [each for each in (hidden, weight, bias) if each.requires_grad]
    expected = torch.autograd.grad((wanted * pull).sum(), inputs)

    found = episode_sums(hidden, weight, bias, targets, counts, HeadSettings(rows, unit))
    got = torch.autograd.grad((found * pull).sum(), inputs)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(
            episode_sums(hidden, weight, bias, targets, counts, HeadSettings(rows, unit)), wanted, rtol=0, atol=1e-12
        )


def test_extreme_logits_stay_finite() -> None:
    hidden = torch.tensor([[1e4], [-1e4]], requires_grad=True)
    weight = torch.tensor([[1.0], [-1.0], [0.5]])
    sums = episode_sums(hidden, weight, None, torch.tensor([0, 0]), (1, 1), HeadSettings(1, True))
    total: Any = sums.sum()
    total.backward()
    assert sums.tolist() == [0.0, -2e4]
    assert torch.isfinite(hidden.grad).all()


def test_a_trained_head_is_computed_again_once_buffers_of_its_size_would_be_too_much() -> None:
    small, large = (
        torch.empty(1000, 64, requires_grad=True),
        torch.empty(131072, 5120, device="meta", requires_grad=True),
    )
    frozen = torch.empty(131072, 5120, device="meta")
    assert head_settings(small, 4, 64).unit
    assert not head_settings(large, 2, 64).unit
    assert head_settings(frozen, 2, 64).unit
    assert head_settings(frozen, 2, 64).rows * 131072 * 4 <= 64 * 2**20


def rows(length: int, seed: int) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 4, length, 8, dtype=torch.float64, generator=generator)


def plain(query: Any, key: Any, value: Any, seen: Any) -> Any:
    scores = (query @ key.transpose(-1, -2)) / 8**0.5
    return torch.softmax(scores.masked_fill(~seen, float("-inf")), -1) @ value


@pytest.mark.parametrize("block", [1, 3, 4, 512])
def test_completions_see_their_prompt_and_themselves_whatever_the_blocks(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(attention, "QUERY_BLOCK", block)
    groups = (PrefixGroup(0, 5, ((5, 7), (12, 1), (13, 4))), PrefixGroup(17, 2, ((19, 3),)))
    query, key, value = (rows(22, seed) for seed in range(3))
    seen = torch.zeros(22, 22, dtype=torch.bool)
    for group in groups:
        prompt = range(group.start, group.start + group.length)
        for at in prompt:
            seen[at, group.start : at + 1] = True
        for start, length in group.completions:
            for at in range(start, start + length):
                seen[at, group.start : group.start + group.length] = True
                seen[at, start : at + 1] = True
    out, _ = attention.shared_prefix_attention(
        None, query, key[:, ::2], value[:, ::2], None, scaling=8**-0.5, peercycle_groups=groups
    )
    shared = [each[:, ::2].repeat_interleave(2, 1) for each in (key, value)]
    torch.testing.assert_close(out.transpose(1, 2), plain(query, shared[0], shared[1], seen), rtol=0, atol=1e-12)


@pytest.mark.parametrize("heads", [1, 2])
def test_what_a_gpu_is_asked_means_the_same(heads: int) -> None:
    def three(length: int, seed: int) -> attention.Rows:
        query, key, value = (rows(length, seed + n) for n in range(3))
        return query, key[:, :heads], value[:, :heads]

    prompt, completions = three(4, 0), [three(6, 3), three(3, 6), three(4, 9)]
    repeated = [
        (q, k.repeat_interleave(4 // heads, 1), v.repeat_interleave(4 // heads, 1))
        for q, k, v in [prompt, *completions]
    ]
    blocked = attention.in_blocks(repeated[0], repeated[1:], None)
    asked = attention.on_gpu(prompt, completions, None)
    for mine, theirs in zip(asked, blocked, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
    # Where no completion is as long as the prompt, nothing brings the prompt's own part along.
    torch.testing.assert_close(attention.on_gpu(prompt, completions[1:2], None)[0], blocked[0], rtol=0, atol=1e-12)


def test_half_precision_adds_its_tiles_up_in_float32() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(512, 16).bfloat16()
    weight = torch.randn(40, 16).bfloat16().requires_grad_()
    targets = torch.randint(40, (512,))

    def gradient(rows: int, unit: bool) -> Any:
        sums = episode_sums(hidden, weight, None, targets, (512,), HeadSettings(rows, unit))
        (found,) = torch.autograd.grad(sums.sum(), [weight])
        return found.float()

    exact = weight.detach().float().requires_grad_()
    torch.log_softmax(hidden.float() @ exact.T, -1).gather(-1, targets[:, None]).sum().backward()
    for unit in (True, False):
        # Many tiles are as near as one: what is left is the rounding of the products themselves.
        assert float((gradient(2, unit) - exact.grad).abs().max()) < 0.02 * float(exact.grad.abs().max())
