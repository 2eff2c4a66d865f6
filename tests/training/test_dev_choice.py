"""A dev split without the class that is asked for cannot choose a checkpoint, and says so."""

import pytest

from dicetune.tasks import TASKS, build_options
from dicetune.training.batches import PaddingCollator
from dicetune.training.prepare import doubts_of_choice
from tiny import wordpiece_tokenizer

TOKENIZER = wordpiece_tokenizer()
BOTH = "text\ttext_b\tlabel\na pump\tb\t1\nc gate\td\t0\ne\tf\t0\n"
THREE = "text\tlabel\na\tx\nb\ty\nc\tz\n"
TAGGED = "a B-X\nb O\n\nc O\n"
EMPTY = "F1 is 0 for every checkpoint"


@pytest.mark.parametrize(
    ("task", "train", "dev", "options", "said"),
    [
        *((task, BOTH, BOTH, {}, None) for task in ("text", "pair")),
        *(
            (task, BOTH, BOTH.replace("\t1\n", "\t0\n"), {}, f"no item of class '1': its {EMPTY}")
            for task in ("text", "pair")
        ),
        ("text", BOTH, BOTH.replace("\t0\n", "\t1\n"), {}, "items of class '1' alone"),
        ("text", BOTH, "text\tlabel\na\t0\n", {"metric": "accuracy"}, "class '0' alone"),
        ("text", THREE, "text\tlabel\na\tx\nb\ty\n", {}, None),
        ("text", THREE, "text\tlabel\na\tx\nb\ty\n", {"positive": "z"}, "no item of class 'z'"),
        ("multilabel", THREE, "text\tlabel\na\tx,y\n", {}, None),
        ("multilabel", THREE, "text\tlabel\na\t\nb\t\n", {}, f"no item of any class: {EMPTY}"),
        ("ner", TAGGED, TAGGED, {}, None),
        ("ner", TAGGED, "c O\n\n" + TAGGED, {}, "items of class 'O' alone"),
        ("mrc-ner", TAGGED, TAGGED, {}, None),
        ("mrc-ner", TAGGED, "c O\n\n" + TAGGED, {}, f"no item of any class: {EMPTY}"),
        ("pos", "a DET\nb NOUN\n", "c NOUN\n\na DET\n", {}, "items of class 'NOUN' alone"),
    ],
)
def test_a_dev_split_of_one_class(tmp_path, task, train, dev, options, said):
    known = TASKS[task]
    chosen = build_options(known.Options, options, use="train")
    splits = []
    for name, text in (("train", train), ("dev", dev)):
        (tmp_path / name).write_text(text)
        splits.append(known.read(tmp_path / name, chosen))
    if "\n\n" in dev and said:  # a file of one class is refused, its beginning is not
        splits[1] = splits[1].first(1)
    own = known.of(splits[0], chosen)
    collator = PaddingCollator.of(own, TOKENIZER, None)
    found = doubts_of_choice(own, own.encode(splits[1], TOKENIZER, 32), collator)
    assert (said is None and found == []) or (said in found[0] and len(found) == 1)
    inspected = known.inspect(dict(zip(("train", "dev"), splits, strict=True)), None)
    missing = [warning for warning in inspected.warnings if "dev holds no item of" in warning]
    # what inspect does not know: the class that is asked for
    assert bool(missing) == (said is not None and "positive" not in options)
