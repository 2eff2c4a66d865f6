"""Losses and recipes as text: what a text builds, that its text builds it again, the messages."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dicetune import losses
from dicetune.errors import InputError, InputTypeError
from dicetune.losses import (
    LOSSES,
    CrossEntropyLoss,
    DiceLoss,
    OverlapLoss,
    OwnLoss,
    Recipe,
    SumLoss,
    TverskyLoss,
    build,
    recipe,
    table,
)

STORED = Path(losses.__file__).with_name("table.json")

pytestmark = pytest.mark.filterwarnings("ignore::dicetune.losses.NonTrainingLossWarning")


def test_by_hand():
    loss = build("dice:smooth=0.25,level=example,squared=false,class_weight=1/2.5")
    assert isinstance(loss, DiceLoss)
    assert loss.options() == {
        "level": "example",
        "squared": False,
        "smooth": 0.25,
        "classes": "all",
        "average": "macro",
        "class_weight": (1.0, 2.5),
        "activation": "auto",
        "reduction": "mean",
    }
    total = build("ce+0.5*tversky:alpha=0.25,beta=0.75")
    assert isinstance(total, SumLoss)
    (one, ce), (half, tversky) = total.terms()
    assert (one, half) == (1.0, 0.5)
    assert isinstance(ce, CrossEntropyLoss)
    assert isinstance(tversky, TverskyLoss)
    assert (tversky.alpha, tversky.beta) == (0.25, 0.75)


@pytest.mark.parametrize("name", LOSSES)
def test_every_name_builds_and_is_its_own_text(name):
    loss = build(name)
    assert loss.spec == name
    assert type(loss) is LOSSES[name]
    assert loss.kinds == LOSSES[name].kinds
    assert repr(name) in repr(loss)
    assert loss.terms() == [(1.0, loss)]


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        (" ce + dice ", "ce+dice"),
        ("1*ce", "ce"),
        ("1.0*ce+2.50*dice", "ce+2.5*dice"),
        ("0.5*dice", "0.5*dice"),
        ("dice:level=example", "dl"),
        ("dl:smooth=2", "dl:smooth=2"),
        ("dl:level=set", "dice"),
        ("dice: smooth = 2 , level = set", "dice:smooth=2"),
        ("dice:squared=FALSE", "dice:squared=false"),
        ("dice:smooth=1e-6", "dice:smooth=1e-06"),
        ("dice:smooth=1e+20", "dice:smooth=1e+20"),
        ("ce+2*dice:smooth=1e+20+focal", "ce+2*dice:smooth=1e+20+focal"),
        ("ce:class_weight=1/2/0.1", "ce:class_weight=1/2/0.1"),
        ("wce:class_counts=90/10", "wce:class_counts=90/10"),
        ("mom:majority_weight=0.50", "mom:majority_weight=0.5"),
        ("la:tau=1,class_counts=90/10", "la:class_counts=90/10"),
        ("cb:beta=0.999", "cb:beta=0.999"),
        ("asl:gamma_pos=1,margin=0", "asl:gamma_pos=1,margin=0"),
        ("mom+0.5*la:tau=0.5", "mom+0.5*la:tau=0.5"),
        ("dsc:decay=0.5,form=detached", "dsc:decay=0.5,form=detached"),
        ("dsc:level=example,form=literal,squared=false", "dsc-paper"),
        ("overlap:alpha=1,beta=1,squared=false", "overlap:alpha=1,beta=1,squared=false"),
    ],
)
def test_the_text_of_a_loss_builds_it_again(text, spec):
    loss = build(text)
    assert loss.spec == spec
    again = build(loss.spec)
    assert again.spec == spec
    assert [(c, type(t), t.options()) for c, t in again.terms()] == [
        (c, type(t), t.options()) for c, t in loss.terms()
    ]


SHARES = st.floats(min_value=0, max_value=1, exclude_max=True)
NUMBERS = st.floats(min_value=1e-6, max_value=1e6)
TERMS = st.one_of(
    st.builds("focal:gamma={}".format, NUMBERS),
    st.builds("mom:majority_weight={}".format, NUMBERS),
    st.builds("{}*la:tau={}".format, NUMBERS, NUMBERS),
    st.builds("cb:beta={},class_counts={}/{}".format, SHARES, NUMBERS, NUMBERS),
    st.builds("asl:gamma_pos={},gamma_neg={},margin={}".format, NUMBERS, NUMBERS, SHARES),
    st.builds("dice:smooth={},level=example".format, NUMBERS),
    st.builds("tversky:alpha={},beta={}".format, NUMBERS, NUMBERS),
    st.builds("{}*dsc:decay={}".format, NUMBERS, NUMBERS),
    st.sampled_from(["ce", "dl", "overlap"]),
)


@given(st.lists(TERMS, min_size=1, max_size=4))
def test_any_text_survives_the_round_trip(terms):
    loss = build("+".join(terms))
    again = build(loss.spec)
    assert again.spec == loss.spec
    for (c, term), (d, other) in zip(loss.terms(), again.terms(), strict=True):
        assert (c, term.options()) == (d, other.options())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tversky:alpha=0.3,alpha=0.4", "expected alpha once in"),
        ("dcie", "unknown loss 'dcie': did you mean 'dice'"),
        ("ce+focla", "unknown loss 'focla': did you mean 'focal'"),
        ("", "a name is missing"),
        ("ce+", "a name is missing"),
        ("2*", "a name is missing"),
        ("auto", "got 'auto': that is a recipe"),
        ("ce+auto", "that is a recipe"),
        ("dice:smoth=1", "unknown option of 'dice' 'smoth': did you mean 'smooth'"),
        ("dice:alpha=1", "unknown option of 'dice' 'alpha'"),
        ("dice:smooth", "expected smooth=value in 'dice:smooth'"),
        ("dice:smooth=", "expected smooth=value"),
        ("dice:smooth=much", "a number for smooth, got 'much'"),
        ("dice:squared=1", "squared=true or squared=false, got '1'"),
        ("dice:smooth=nan", "smooth to be a finite number > 0, got nan"),
        ("tversky:alpha=-1", r"alpha to be a finite number >= 0, got -1\.0"),
        ("ce:class_weight=1/x", "a number for class_weight, got 'x'"),
        ("mom:lambda=1", "unknown option of 'mom' 'lambda'"),
        ("cb:beta=1", r"beta in \[0, 1\), got 1"),
        ("asl:margin=1", r"margin in \[0, 1\), got 1"),
        ("la:class_counts=5/0", "training items of every class, got none of class"),
        ("x*ce", "a number for a coefficient, got 'x'"),
        ("0*ce", "every coefficient of a sum to be a finite number > 0"),
        ("-1*ce", "every coefficient of a sum to be a finite number > 0, got -1"),
        ("ce:reduction=sum+dice", "reduction='mean' in a sum, got 'ce:reduction=sum'"),
        ("2*ce:reduction=none", "reduction='mean' in a sum"),
    ],
)
def test_messages(text, message):
    with pytest.raises(InputError, match=message):
        build(text)


def test_only_text_is_read():
    with pytest.raises(InputTypeError, match="a loss as text, got DiceLoss"):
        build(DiceLoss())


def test_table_has_a_row_for_each_loss_and_says_which_kinds_it_serves():
    rows = table()
    assert [row["loss"] for row in rows] == list(LOSSES)
    for row in rows:
        assert all(row[key] for key in ("formula", "equation", "use", "options"))
        for kind in ("classes", "labels", "positions"):
            assert row[kind] == ("yes" if kind in build(row["loss"]).kinds else "-")


def test_an_own_loss_has_its_class_as_text():
    class Mine(OverlapLoss):
        pass

    assert Mine().spec == "Mine"


def test_sum_is_the_sum_of_its_parts():
    logits, target = torch.randn(6, 3), torch.arange(6) % 3
    total = build("ce+0.5*dice+2*focal:gamma=1")
    expected = (
        build("ce")(logits, target)
        + 0.5 * build("dice")(logits, target)
        + 2 * build("focal:gamma=1")(logits, target)
    )
    torch.testing.assert_close(total(logits, target), expected)
    doubled = SumLoss([(2.0, total), (1.0, build("dl"))])
    assert doubled.spec == "2*ce+dice+4*focal:gamma=1+dl"
    assert build("ce+wce").kinds == {"classes", "labels"}
    assert build("ce+asl").kinds == {"classes", "labels", "positions"}


def test_messages_of_a_sum():
    with pytest.raises(InputError, match="at least one loss to sum"):
        SumLoss([])
    with pytest.raises(InputTypeError, match="losses to sum, got CrossEntropyLoss"):
        SumLoss([(1.0, torch.nn.CrossEntropyLoss())])


def test_a_recipe_by_hand():
    two = Recipe(build("dice"), start_loss=build("ce"), start_share=0.4)
    assert str(two) == "ce for 40% of the steps, then dice"
    assert [loss.spec for loss in two.losses] == ["dice", "ce"]
    assert str(recipe("dice:smooth=1.0 + ce")) == "dice+ce"
    assert str(recipe("dice", "ce", 0.4)) == str(two)


def test_a_loss_of_any_form_becomes_a_loss():
    given = DiceLoss(smooth=2.0)
    assert recipe(given).losses == [given]
    assert isinstance(recipe(torch.nn.CrossEntropyLoss()).loss, OwnLoss)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"start_loss": "ce"}, "together, got start_loss='ce' and start_share=0.0"),
        ({"start_share": 0.4}, "start_loss and start_share together"),
        ({"start_loss": "ce", "start_share": 1.0}, r"start_share in \[0, 1\), got 1\.0"),
        ({"start_loss": "ce", "start_share": -0.1}, "start_share to be a finite number >= 0"),
        ({"loss": "dcie"}, "did you mean 'dice'"),
        ({"loss": None}, "expected a loss, got None"),
        ({"loss": 7}, r"called as f\(logits, target\), got 7"),
    ],
)
def test_messages_of_a_recipe(given, message):
    with pytest.raises(InputError, match=message):
        recipe(**{"loss": "dice", **given})


@pytest.mark.parametrize("name", LOSSES)
def test_a_search_stays_in_a_range_that_holds_the_default(name):
    for value, allowed in build(name).searchable().values():
        assert 0 <= allowed.low <= value <= allowed.high
        assert allowed.low < allowed.high
        assert allowed.low > 0 or not allowed.log


def test_the_table_that_is_printed_without_torch_is_that_of_the_registry():
    text = json.dumps(table(), indent=1, ensure_ascii=False) + "\n"
    assert STORED.read_text(encoding="utf-8") == text, f"write this to {STORED.name}:\n{text}"
