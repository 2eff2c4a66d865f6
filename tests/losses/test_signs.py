"""No form but the literal pushes gold down, for p from 1e-6 to 1 - 1e-6."""

import math

import pytest
import torch

from dicetune.losses import build

P = torch.tensor(
    [1e-6, 1e-4, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 1 - 1e-4, 1 - 1e-6], dtype=torch.float64
)
FORMS = [
    "ce",
    "focal",
    "focal:gamma=0.5",
    "asl",
    "asl:gamma_pos=1,gamma_neg=0.5,margin=0",
    "gce",
    "gce:q_pos=1,q_neg=1",
    "gce:q_pos=0.2,q_neg=0.2",
    "dl",
    "dice",
    "dice:squared=false",
    "dice:smooth=0.0001",
    "dice:level=example,squared=false",
    "tversky",
    "tversky:alpha=0.9,beta=0.1",
    "tversky:alpha=2,beta=3",
    "tversky:level=example",
    "overlap:alpha=2,beta=2",
    *(
        f"dsc:form={form},decay={decay},level={level},squared={squared}"
        for form in ("target", "detached")
        for decay in (0.3, 1, 2)
        for level in ("set", "example")
        for squared in ("true", "false")
    ),
]
COUNTED = ["wce", "mom", "la", "la:tau=0.3", "cb"]
# the gradient of a loss that is flat to rounding may have any sign of that size
FLAT = 1e-15


def slopes(loss, logits, target, **options):
    logits = logits.clone().requires_grad_()
    loss(logits, target, **options).backward()
    return logits.grad


def multiclass():
    """Three classes, gold at each p, the rest shared unevenly, as log-probabilities."""
    rows, target = [], []
    for number, p in enumerate(P.tolist()):
        gold = number % 3
        row = [0.0, 0.0, 0.0]
        row[gold] = math.log(p)
        row[(gold + 1) % 3] = math.log(0.9 * (1 - p))
        row[(gold + 2) % 3] = math.log(0.1 * (1 - p))
        rows.append(row)
        target.append(gold)
    return torch.tensor(rows, dtype=torch.float64), torch.tensor(target)


@pytest.mark.parametrize("spec", [*FORMS, *COUNTED])
@pytest.mark.parametrize("positive_share", [0, 0.5, 1])
def test_one_logit_and_labels(spec, positive_share):
    loss = build(spec)
    counts = torch.tensor([[20, 5]])
    target = (torch.arange(len(P)) < positive_share * len(P)).long()
    for gold in (target, 1 - target):
        grad = slopes(loss, torch.logit(P), gold, class_counts=counts)
        assert (grad[gold == 1] <= FLAT).all()
        assert (grad[gold == 0] >= -FLAT).all()
    logits = torch.logit(torch.stack([P, P.flip(0), P.roll(3)], 1))
    gold = torch.stack([target, 1 - target, target.roll(1)], 1)
    grad = slopes(loss, logits, gold, class_counts=counts.expand(3, 2))
    assert (grad[gold == 1] <= FLAT).all()
    assert (grad[gold == 0] >= -FLAT).all()


@pytest.mark.parametrize("spec", [*FORMS, *COUNTED])
def test_two_classes(spec):
    for flip in (False, True):
        target = (torch.arange(len(P)) % 2 == int(flip)).long()
        logits = torch.stack([torch.log1p(-P), torch.log(P)], 1)
        grad = slopes(build(spec), logits, target, class_counts=torch.tensor([20, 5]))
        gold = grad.gather(1, target[:, None])
        other = grad.gather(1, 1 - target[:, None])
        assert (gold <= FLAT).all()
        assert (other >= -FLAT).all()


@pytest.mark.parametrize("spec", [*FORMS, *COUNTED])
@pytest.mark.parametrize("kind", ["classes", "positions"])
def test_gold_of_many_classes_is_never_pushed_down(spec, kind):
    if spec in COUNTED and kind == "positions":
        pytest.skip("positions have no counts")
    logits, target = multiclass()
    counts = torch.tensor([20, 5, 5])
    grad = slopes(build(spec), logits, target, kind=kind, class_counts=counts)
    assert (grad.gather(1, target[:, None]) <= FLAT).all()
    if spec.startswith(("ce", "focal", "asl", *COUNTED)):
        others = grad.scatter(1, target[:, None], 0.0)
        assert (others >= -FLAT).all()


@pytest.mark.parametrize("spec", FORMS)
def test_slope_in_p_itself(spec):
    """dL/dp <= 0 for gold, >= 0 for every other class: p is free here, as no softmax ties them."""
    logits, target = multiclass()
    gold = torch.nn.functional.one_hot(target, 3)
    grad = slopes(build(spec), torch.logit(logits.exp()), gold)
    assert (grad[gold == 1] <= FLAT).all()
    assert (grad[gold == 0] >= -FLAT).all()


@pytest.mark.filterwarnings("ignore::dicetune.losses.NonTrainingLossWarning")
def test_the_literal_form_does_push_gold_down():
    grad = slopes(build("dsc-paper"), torch.logit(P), torch.ones(len(P)).long())
    assert (grad[P < 0.5] < 0).all()
    assert (grad[P > 0.5] > 0).all()


@pytest.mark.parametrize(
    "loss",
    [
        *("tversky", "tversky:alpha=0.1,beta=0.9", "dice:squared=false", "overlap:squared=false"),
        *("tversky+0.5*dice:squared=false", "dice", "dsc", "overlap", "dsc:decay=2"),
        *(
            "dsc:squared=false",
            "dsc:squared=false,decay=2",
            "dice:smooth=0.1",
            "tversky:smooth=0.1",
        ),
        *(f"{name}:classes=foreground,average=micro" for name in ("dice", "dsc", "tversky")),
    ],
)
def test_who_lowers_entities_that_start_at_a_small_share(loss):
    """Five words of each of 12 types, 1,140 of none; each gradient at the shares of training."""
    types, words, outside = 12, 5, 1140
    gold = torch.tensor([0] * outside + [1 + n // words for n in range(types * words)])
    at_share = torch.zeros(types + 1, dtype=torch.float64)
    at_share[0] = math.log(outside / words)
    entities = torch.zeros((), dtype=torch.float64, requires_grad=True)
    logits = at_share + entities * torch.tensor([0.0] + [1.0] * types)
    built = build(loss)
    built(logits.expand(len(gold), -1), gold, background=0).backward()
    assert (entities.grad.item() > 0) == built.outweighs_few
