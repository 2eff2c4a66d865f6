"""Hard negatives in training: chosen in each forward pass, never in evaluation."""

from dataclasses import replace

import pytest
import torch
from transformers import BertConfig, BertForTokenClassification

from dicetune import LossInput, ObjectiveTrainer
from dicetune.errors import InputError
from dicetune.loss_input import item_count
from dicetune.losses import build
from dicetune.training.objective import Objective, joined
from tiny import SMALL, training_arguments

EVERYTHING = 1e9


def answers(seed=0):
    """The shape of question answering with a sigmoid a position: 1 to 500, the question masked."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(8, 256, 1, generator=generator, dtype=torch.float64)
    target = torch.zeros(8, 256, 1)
    keep = torch.ones(8, 256, dtype=torch.bool)
    keep[:, :6] = False
    for text in range(0, 8, 2):  # the others have no answer
        target[text, 20 * text + 10] = 1
    return LossInput("start", logits.requires_grad_(), target, kind="labels", mask=keep)


def matches(seed=0):
    """The shape of a span-match head: pairs of start and end, of which a few are entities."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 45, 45, generator=generator, dtype=torch.float64)
    target = torch.zeros(2, 45, 45)
    target[0, 3, 5] = target[0, 7, 7] = target[1, 30, 44] = target[1, 0, 9] = 1
    keep = torch.ones(45, 45, dtype=torch.bool).triu().expand(2, 45, 45)
    return LossInput(
        "match", logits[..., None].requires_grad_(), target[..., None], kind="labels", mask=keep
    )


def tags(seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 2000, 3, generator=generator, dtype=torch.float64)
    target = torch.zeros(1, 2000, dtype=torch.long)
    target[0, ::500] = torch.tensor([1, 2, 1, 2])
    return LossInput("tags", logits.requires_grad_(), target, background=0)


def starts(seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, 500, generator=generator, dtype=torch.float64)
    exists = torch.arange(500).expand(4, 500) > 5
    target = torch.tensor([9, 499, -100, 6])
    return LossInput("start", logits.requires_grad_(), target, kind="positions", class_mask=exists)


def share(spec, item, hard_negatives, micro_batches=1, count=None):
    """The loss of one micro-batch, and its gradient."""
    item.logits.grad = None
    objective = Objective(build(spec), hard_negatives)
    objective.check([item])
    count = item_count(item) if count is None else count
    value = objective.share([item], {item.name: count}, micro_batches, 1)
    value.backward()
    return value.detach(), item.logits.grad.clone()


@pytest.mark.parametrize("shape", [answers, matches, tags, starts])
@pytest.mark.parametrize("spec", ["ce", "focal", "dice", "dsc", "ce+0.5*dice"])
def test_as_many_as_there_are_is_no_selection(spec, shape):
    item = shape()
    for got, expected in zip(share(spec, item, EVERYTHING), share(spec, item, None), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("spec", ["ce", "dice"])
@pytest.mark.parametrize(("shape", "positives"), [(answers, 4), (matches, 4), (tags, 4)])
def test_three_for_each_positive_and_no_more(spec, shape, positives):
    item = shape()
    _, gradient = share(spec, item, 3)
    touched = (gradient != 0).any(-1)
    assert touched.sum() == 4 * positives
    if item.mask is not None:
        assert not touched[~item.mask].any()
    negative = (item.target == 0) & (torch.ones_like(item.target) == 1)
    negative = negative[..., 0] if item.kind == "labels" else negative
    negative = negative if item.mask is None else negative & item.mask
    hardness = item.logits.detach()
    hardness = (
        hardness[..., 0]
        if item.kind == "labels"
        else (hardness[..., 1:].logsumexp(-1) - hardness[..., 0])
    )
    assert hardness[touched & negative].min() > hardness[~touched & negative].max()


def test_the_mean_is_over_what_was_chosen():
    item = tags()
    value, gradient = share("ce", item, 3)
    chosen = (gradient != 0).any(-1)
    torch.testing.assert_close(
        value, build("ce")(item.logits[chosen], item.target[chosen]).detach()
    )


def test_micro_batches_are_averaged_where_items_are_ranked_together():
    values = [share("ce", tags(seed), 3, micro_batches=2, count=12345)[0] for seed in (0, 1)]
    alone = [share("ce", tags(seed), 3)[0] for seed in (0, 1)]
    torch.testing.assert_close(sum(values), sum(alone) / 2)


def test_texts_ranked_on_their_own_add_up_however_they_are_cut():
    item = starts()
    whole, gradient = share("ce", item, 3)
    assert (gradient != 0).sum() == 3 * 4  # gold and three more, of three texts
    parts = [
        LossInput(
            "start",
            item.logits[rows].detach().requires_grad_(),
            item.target[rows],
            kind="positions",
            class_mask=item.class_mask[rows],
        )
        for rows in (slice(0, 1), slice(1, 4))
    ]
    values = [share("ce", part, 3, micro_batches=2, count=item_count(item)) for part in parts]
    assert sum(value for value, _ in values) == pytest.approx(whole.item(), rel=1e-6)
    torch.testing.assert_close(torch.cat([cut for _, cut in values]), gradient)


def test_what_has_no_meaning_is_refused():
    with pytest.raises(InputError, match=r"hard negatives for each positive .* got 0"):
        Objective(build("ce"), 0)
    item = LossInput("label", torch.zeros(2, 3), torch.zeros(2).long())
    with pytest.raises(InputError, match="a background class to select hard negatives"):
        Objective(build("ce"), 3).check([item])


def rows(count=32, words=64):
    """Texts of which every eighth has one word 5, which is to be found: 1 in 512."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(6, 40, (count, words), generator=generator)
    ids[::8, 11] = 5
    ones = torch.ones(words).long()
    return [{"input_ids": row, "attention_mask": ones, "labels": (row == 5).float()} for row in ids]


def trainer(folder, **options):
    torch.manual_seed(0)
    quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return ObjectiveTrainer(
        model=BertForTokenClassification(BertConfig(**SMALL, **quiet, num_labels=1)),
        args=training_arguments(folder, per_device_train_batch_size=16, max_steps=40),
        train_dataset=rows(),
        eval_dataset=rows(),
        loss_inputs=lambda outputs, labels: [
            LossInput("start", outputs["logits"], labels["labels"][..., None], kind="labels")
        ],
        item_counts=lambda labels: {"start": torch.tensor(labels["labels"].numel())},
        **options,
    )


@pytest.mark.parametrize("loss", ["ce", "dice"])
def test_one_in_five_hundred_is_found(tmp_path, loss):
    run = trainer(tmp_path, loss=loss, hard_negatives=5)
    run.train()
    found = torch.tensor(run.predict(rows()).predictions)[..., 0]
    gold = torch.stack([row["labels"] for row in rows()]) == 1
    assert found[gold].min() > max(found[~gold].max(), 0)


def test_evaluation_is_over_everything(tmp_path):
    with_selection = trainer(tmp_path, loss="ce", hard_negatives=2).evaluate()["eval_loss"]
    assert with_selection == trainer(tmp_path, loss="ce").evaluate()["eval_loss"]


def test_the_first_step_refuses_classes_without_a_background(tmp_path):
    run = trainer(tmp_path, loss="ce", hard_negatives=2)
    run.loss_inputs = lambda outputs, labels: [
        LossInput("start", outputs["logits"].expand(-1, -1, 2), labels["labels"].long())
    ]
    with pytest.raises(InputError, match="a background class"):
        run.train()


def cut(item, rows):
    """Some texts of an input, as leaves."""
    masks = {
        name: None if mask is None else mask[rows]
        for name, mask in (("mask", item.mask), ("class_mask", item.class_mask))
    }
    logits = item.logits[rows].detach().requires_grad_()
    return replace(item, logits=logits, target=item.target[rows], **masks)


@pytest.mark.parametrize("shape", [answers, matches, starts])
@pytest.mark.parametrize("spec", ["ce", "dice", "ce+0.5*dsc"])
@pytest.mark.parametrize("hard_negatives", [3, None])
def test_a_whole_step_ranks_and_sums_over_all_its_parts(spec, shape, hard_negatives):
    item = shape()
    value, gradient = share(spec, item, hard_negatives)
    parts = [cut(item, slice(0, 1)), cut(item, slice(1, None))]
    if item.kind == "positions":  # a shorter text has fewer positions
        item.class_mask[0, 400:] = False
        value, gradient = share(spec, item, hard_negatives)
        short = cut(item, slice(0, 1))
        logits = short.logits[:, :400].detach().requires_grad_()
        parts[0] = replace(short, logits=logits, class_mask=short.class_mask[:, :400])
        gradient = torch.cat([gradient[0, :400], gradient[1:].flatten()])
    objective = Objective(build(spec), hard_negatives)
    counts = {item.name: item_count(item)}
    found = objective.of_step([[part] for part in parts], counts)
    found.backward()
    torch.testing.assert_close(found.detach(), value, rtol=1e-6, atol=0)
    each = torch.cat([part.logits.grad.flatten() for part in parts])
    torch.testing.assert_close(each, gradient.flatten(), rtol=1e-9, atol=1e-12)
    together = objective.share([joined(parts)], counts, 1, 1)
    torch.testing.assert_close(together.detach(), value, rtol=1e-6, atol=0)
