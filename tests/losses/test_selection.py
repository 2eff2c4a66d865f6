"""Hard-negative selection: exactly the hardest, at every edge, and nothing that is masked."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dicetune.errors import InputError, InputTypeError
from dicetune.losses import build, check_selection, hardest_negatives
from dicetune.losses._selection import _choose

NAN = float("nan")


def labels(logits, target, k, **options):
    """Numbers of the chosen items of one sigmoid each."""
    given = {"logits": torch.tensor(logits), "target": torch.tensor(target, dtype=torch.float32)}
    mask = hardest_negatives(**given, per_positive=k, kind="labels", **options)
    return mask.nonzero()[:, 0].tolist()


def oracle(scores, positive, exists, per_positive, least):
    """One row of numbers: sort the negatives, take as many as the positives allow."""
    positives = [n for n, there in enumerate(exists) if there and positive[n]]
    negatives = [n for n, there in enumerate(exists) if there and not positive[n]]
    wanted = max(math.ceil(Fraction(str(per_positive)) * len(positives)), least)
    hardest = sorted(negatives, key=lambda n: (-scores[n], n))[:wanted]
    return [n in positives or n in hardest for n in range(len(scores))]


ROWS = st.integers(0, 12).flatmap(
    lambda size: st.tuples(
        st.lists(  # few values, so that there are ties
            st.sampled_from([-math.inf, -1e30, -1.0, 0.0, 0.5, 2.0]), min_size=size, max_size=size
        ),
        st.lists(st.booleans(), min_size=size, max_size=size),
        st.lists(st.booleans(), min_size=size, max_size=size),
    )
)


@given(
    row=ROWS, k=st.sampled_from([0.1, 0.3, 0.5, 1.0, 1.1, 2.0, 3.7, 1e9]), least=st.integers(0, 3)
)
def test_agrees_with_sorting_by_hand(row, k, least):
    scores, positive, exists = row
    tensors = (
        torch.tensor([scores], dtype=torch.float64),
        torch.tensor([positive], dtype=torch.bool) & torch.tensor([exists], dtype=torch.bool),
        torch.tensor([exists], dtype=torch.bool),
    )
    assert _choose(*tensors, k, least)[0].tolist() == oracle(*row, k, least)


@given(
    size=st.integers(1, 30),
    classes=st.integers(2, 5),
    background=st.integers(0, 4),
    k=st.sampled_from([0.25, 1.0, 2.5]),
    seed=st.integers(0, 10**6),
)
def test_classes_agree_with_a_plain_loop(size, classes, background, k, seed):
    background %= classes
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(size, classes, generator=generator, dtype=torch.float64)
    target = torch.randint(0, classes, (size,), generator=generator)
    target[torch.rand(size, generator=generator) < 0.6] = background
    target[torch.rand(size, generator=generator) < 0.1] = -100
    keep = torch.rand(size, generator=generator) < 0.8
    exists = torch.rand(size, classes, generator=generator) < 0.8
    exists[torch.arange(size), target.clamp(min=0)] = True
    scores = []
    for row, there in zip(logits.tolist(), exists.tolist(), strict=True):
        others = [
            math.exp(z)
            for c, (z, is_there) in enumerate(zip(row, there, strict=True))
            if c != background and is_there
        ]
        score = row[background] if there[background] else -1e30
        scores.append((math.log(sum(others)) if others else -math.inf) - score)
    counts = (keep & (target != -100)).tolist()
    expected = oracle(scores, (target != background).tolist(), counts, k, 1)
    mask = hardest_negatives(
        logits,
        target,
        per_positive=k,
        kind="classes",
        mask=keep,
        class_mask=exists,
        background=background,
    )
    assert mask.tolist() == expected


@given(
    texts=st.integers(1, 4),
    size=st.integers(2, 12),
    k=st.integers(1, 4),
    seed=st.integers(0, 10**6),
)
def test_each_text_keeps_its_gold_and_its_own_hardest_positions(texts, size, k, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(texts, size, generator=generator, dtype=torch.float64)
    exists = torch.rand(texts, size, generator=generator) < 0.7
    target = torch.randint(0, size, (texts,), generator=generator)
    exists[torch.arange(texts), target] = True
    target[torch.rand(texts, generator=generator) < 0.2] = -100
    mask = hardest_negatives(logits, target, per_positive=k, kind="positions", class_mask=exists)
    for row, gold, there, got in zip(
        logits.tolist(), target.tolist(), exists.tolist(), mask.tolist(), strict=True
    ):
        there = [is_there and gold != -100 for is_there in there]
        assert got == oracle(row, [n == gold for n in range(size)], there, k, 0)


def test_by_hand():
    logits, target = [2.0, -1.0, 3.0, 0.5, -2.0, 9.0], [1, 0, 0, 0, 0, 1]
    assert labels(logits, target, 1) == [0, 2, 3, 5]
    assert labels(logits, target, 0.5) == [0, 2, 5]
    assert labels(logits, target, 0.75) == [0, 2, 3, 5]  # 1.5 negatives are two


def test_without_positives_the_hardest_negative_stays():
    assert labels([0.0, 2.0, 1.0], [0, 0, 0], 5) == [1]
    assert labels([0.0, 2.0, 1.0], [0, 0, 0], 5, least=2) == [1, 2]
    assert labels([0.0, 2.0, 1.0], [0, 0, 0], 5, least=0) == []


def test_all_stay_where_there_are_fewer_negatives():
    assert labels([0.0, 2.0, 1.0], [1, 0, 0], 3) == [0, 1, 2]
    assert labels([0.0, 2.0], [1, 1], 3) == [0, 1]
    assert labels([], [], 3) == []


def test_of_equal_scores_exactly_the_number_stays():
    assert labels([0.0] * 9, [0, 0, 0, 0, 1, 0, 0, 0, 0], 3) == [0, 1, 2, 4]


def test_a_decimal_share_is_meant_as_written():
    """0.1 · 30 is 3.0000000000000004 in floats, whose ceiling would be 4."""
    mask = labels([0.0] * 60, [1] * 30 + [0] * 30, 0.1)
    assert len(mask) == 33


def test_what_is_masked_is_never_chosen_and_may_hold_anything():
    logits = [NAN, 5.0, 4.0, math.inf, 1.0, 0.0]
    target = [0, 1, 0, 0, 0, 0]
    keep = torch.tensor([False, True, True, False, True, True])
    assert labels(logits, target, 2, mask=keep) == [1, 2, 4]
    target = [-100, 1, 0, -100, 0, 0]
    assert labels(logits, target, 2) == [1, 2, 4]
    assert labels(logits, [-100, 1, 0, 0, 0, 0], 9, class_mask=keep) == [1, 2, 4, 5]


def test_a_nan_that_counts_is_chosen_so_that_it_is_not_hidden():
    assert labels([0.0, NAN, 1.0, 2.0], [1, 0, 0, 0], 1) == [0, 1]


def test_shapes():
    logits = torch.randn(3, 5)
    target = torch.zeros(3, 5)
    target[0, 0] = 1
    for kind, gold, shape in (
        ("labels", target, (3, 5)),  # items and classes are ranked together
        ("positions", torch.tensor([0, 2, 4]), (3, 5)),
        ("classes", torch.tensor([0, 2, 4]), (3,)),
    ):
        background = 0 if kind == "classes" else None
        mask = hardest_negatives(logits, gold, per_positive=1, kind=kind, background=background)
        assert (mask.shape, mask.dtype) == (shape, torch.bool)
    one = hardest_negatives(logits[..., None], target, per_positive=1, kind="labels")
    assert one.shape == (3, 5, 1)
    pairs = hardest_negatives(logits, target, per_positive=3, kind="labels")
    assert pairs.sum() == 4
    deep = hardest_negatives(
        torch.randn(2, 3, 4),
        torch.randint(0, 4, (2, 3)),
        per_positive=1,
        kind="classes",
        background=0,
    )
    assert deep.shape == (2, 3)
    shares = torch.tensor([[0.5, 0.5, 0.0, 0.0, 0.0]])
    mask = hardest_negatives(logits[:1], shares, per_positive=1, kind="positions")
    assert mask[0, :2].all()
    assert mask.sum() == 4


@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
@pytest.mark.parametrize("spec", ["ce", "focal", "dice", "dsc", "ce+dice"])
def test_a_loss_behind_it_is_the_loss_of_what_was_chosen(spec, kind):
    """Value and gradient; what was left out gets none."""
    loss = build(spec)
    logits = torch.randn(40, 4, dtype=torch.float64, requires_grad=True)
    target = torch.zeros(40, dtype=torch.long)
    target[[3, 17, 30]] = torch.tensor([1, 3, 2])
    if kind == "labels":
        target = torch.nn.functional.one_hot(target, 4)[:, 1:].double()
        logits = logits[:, 1:].detach().requires_grad_()
    background = 0 if kind == "classes" else None
    mask = hardest_negatives(logits, target, per_positive=2, kind=kind, background=background)
    assert not mask.requires_grad
    name = "mask" if kind == "classes" else "class_mask"
    value = loss(logits, target, kind=kind, background=background, **{name: mask})
    value.backward()
    assert (logits.grad[~mask] == 0).all()
    assert (logits.grad[mask] != 0).any()
    if kind == "classes":
        assert mask.sum() == 9
        alone = loss(logits[mask], target[mask], kind=kind, background=background)
        torch.testing.assert_close(alone, value)


@pytest.mark.filterwarnings("ignore::dicetune.losses.NonTrainingLossWarning")
@pytest.mark.parametrize(
    "spec", ["ce", "focal", "asl", "gce", "dl", "dice", "tversky", "dsc", "dsc-released", "ce+dice"]
)
def test_a_label_of_which_nothing_is_chosen_is_a_removed_label(spec):
    target = torch.zeros(9, 4, dtype=torch.float64)
    target[:3, 0] = target[4, 1] = 1
    logits = torch.randn(9, 4, dtype=torch.float64) + torch.tensor([0.0, 0.0, 3.0, -50.0])
    mask = hardest_negatives(logits, target, per_positive=1, kind="labels")
    assert mask.any(0).tolist() == [True, True, True, False]
    found = []
    for part in (slice(4), slice(3)):
        leaf = logits[:, part].clone().requires_grad_()
        value = build(spec)(leaf, target[:, part], kind="labels", class_mask=mask[:, part])
        found.append((value.detach(), *torch.autograd.grad(value, leaf)))
    (value, grad), (same, same_grad) = found
    torch.testing.assert_close(value, same)
    torch.testing.assert_close(grad[:, :3], same_grad)
    assert not grad[:, 3].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_chooses_as_many(dtype):
    logits = (1000 * torch.randn(3000, 3)).to(dtype)
    target = torch.zeros(3000, dtype=torch.long)
    target[:3] = 1
    mask = hardest_negatives(logits, target, per_positive=100, kind="classes", background=0)
    assert mask.sum() == 303
    exact = hardest_negatives(
        logits.double(), target, per_positive=100, kind="classes", background=0
    )
    hardness = logits.double()[:, 1:].logsumexp(1) - logits.double()[:, 0]
    assert hardness[mask][3:].min() >= hardness[exact][3:].min() - 1e-3
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = hardest_negatives(logits, target, per_positive=100, kind="classes", background=0)
    assert (again == mask).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["classes", "labels", "positions"])
def test_it_is_one_graph(kind):
    torch.compiler.reset()
    logits = torch.randn(10, 4)
    target = torch.arange(10) % 4
    options = {"per_positive": 0.5, "kind": kind, "mask": torch.arange(10) != 5}
    if kind == "labels":
        target = torch.nn.functional.one_hot(target, 4).float()
    if kind == "classes":
        options["background"] = 1

    def choose(logits, target):
        return hardest_negatives(logits, target, **options)

    compiled = torch.compile(choose, fullgraph=True, backend="aot_eager")
    assert (compiled(logits, target) == choose(logits, target)).all()


def test_messages():
    for wrong in (0, -1, math.inf, NAN):
        with pytest.raises(InputError, match=r"hard negatives for each positive .* > 0, got"):
            check_selection(wrong)
    with pytest.raises(InputTypeError, match="hard negatives for each positive"):
        check_selection("3")
    with pytest.raises(InputError, match="a background class to select hard negatives"):
        hardest_negatives(torch.zeros(2, 3), torch.zeros(2).long(), per_positive=1, kind="classes")
    shares = torch.full((2, 2), 0.5)
    with pytest.raises(InputError, match=r"class numbers to select hard negatives.* got shares"):
        hardest_negatives(torch.zeros(2, 2), shares, per_positive=1, kind="classes", background=0)
    with pytest.raises(InputError, match="least to be a finite number >= 0, got -1"):
        labels([0.0], [1], 1, least=-1)
    with pytest.raises(InputError, match="did you mean 'classes'"):
        hardest_negatives(torch.zeros(2, 3), torch.zeros(2).long(), per_positive=1, kind="clases")
