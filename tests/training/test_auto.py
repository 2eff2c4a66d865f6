"""The recipe auto, the start of the head, and the losses that are tried."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import dicetune
from dicetune.comparison.compare import make_plan
from dicetune.errors import InputError
from dicetune.losses import build
from dicetune.models import load_model
from dicetune.records import RunRecord, read_json
from dicetune.tasks import TASKS
from dicetune.training import RunConfig, run
from dicetune.training.auto import (
    FEW,
    FEW_STEPS,
    LOSS,
    OF_FEW,
    TRIES,
    Facts,
    loss_of,
    recipe_of,
    start_at_prior,
    start_of,
)
from dicetune.training.defaults import steps_of

TAGS = "The O\npump O\nat O\nQuay B-SITE\nNine I-SITE\n\nBonn B-CITY\nis O\nup O\n"
TEXTS = "text\tlabel\n" + "quay is down\tbad\ngate is up\tgood\ngate is fine\tgood\n" * 6
EMOTIONS = "text\tlabels\n" + "quay is down\tfear\ngate is up\tjoy\nit is\tjoy,fear\nso\t\n" * 60


MANY_RARE = Facts({"label": torch.tensor([[297, 3]] * 28)})


@pytest.fixture
def place(saved_family, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {"ner.conll": TAGS, "text.tsv": TEXTS, "multilabel.tsv": EMOTIONS}
    for name, text in files.items():
        Path(name).write_text(text, encoding="utf-8")
    for head in ("token", "sequence"):
        Path(head).symlink_to(saved_family("bert", head))
    return tmp_path


def config(task, file, head, **values):
    trainer = {"max_steps": 2, "per_device_train_batch_size": 4, "eval_strategy": "steps"}
    trainer |= {"eval_steps": 1, "save_strategy": "steps", "save_steps": 1}
    return RunConfig(
        **{"task": task, "train": file, "dev": file, "model": head, "out": "out", **values},
        trainer=trainer,
    )


def test_the_list_holds_losses_and_begins_with_that_of_auto():
    assert all(build(loss) for loss in TRIES)
    assert TRIES[0] == LOSS
    assert len(set(TRIES)) == len(TRIES)
    assert str(recipe_of()) == str(recipe_of("auto")) == LOSS


@pytest.mark.parametrize(
    ("values", "positives", "expected"),
    [
        ({}, 500, True),
        ({"loss": "ce"}, 500, True),
        ({}, 8, True),
        ({}, 7, False),
        ({}, 6, False),
        ({"loss": "dice"}, 500, True),
        ({"loss": "dice"}, 7, False),
        ({"loss": "wce"}, 500, False),
        ({"prior_bias": False}, 500, False),
        ({"prior_bias": True}, 6, True),
    ],
)
def test_where_sigmoids_start(values, positives, expected):
    counts = {"label": torch.tensor([[9000, positives], [9000, positives]])}
    asked = RunConfig(task="multilabel", train="a", dev="b", **values)
    assert start_of(asked, asked.recipe(), Facts(counts, labels=True)).at_prior is expected
    asked = RunConfig(task="multilabel", train="a", dev="b")
    assert start_of(asked, asked.recipe(), MANY_RARE).at_prior


@pytest.mark.parametrize(("loss", "expected"), [("ce", True), ("dsc", False), ("ce+dice", False)])
def test_sigmoids_of_positions_start_at_their_share_with_cross_entropy_alone(loss, expected):
    counts = {name: torch.tensor([[9000, 500]]) for name in ("start", "end", "match")}
    asked = RunConfig(task="mrc-ner", train="a", dev="b", loss=loss)
    assert start_of(asked, asked.recipe(), Facts(counts)).at_prior is expected


@pytest.mark.parametrize("loss", ["ce", "dsc", "ce+dice"])
def test_labels_start_at_their_shares_whatever_the_loss(place, loss):
    found = run(config("multilabel", "multilabel.tsv", "sequence", loss=loss)).objective
    assert found["prior_bias"] is True


@pytest.mark.parametrize("loss", ["auto", "ce", "dsc", "ce+dice"])
def test_tags_start_at_the_share_of_the_background_whatever_the_loss(place, loss):
    """So that losses are compared from one head."""
    found = run(config("ner", "ner.conll", "token", loss=loss)).objective
    assert found["prior_bias"] is True
    asked = RunConfig(task="ner", train="a", dev="b", loss=loss, prior_bias=False)
    assert not start_of(asked, asked.recipe(), Facts({}, background=True)).at_prior
    open_ = replace(asked, prior_bias=None)
    assert not start_of(open_, open_.recipe(), Facts({})).at_prior  # no background


@pytest.mark.parametrize("loss", ["tversky", "dice:squared=false+tversky"])
def test_tags_start_even_with_a_loss_that_learns_nothing_from_their_share(place, loss):
    found = run(config("ner", "ner.conll", "token", loss=loss)).objective
    assert found["prior_bias"] is False
    later = RunConfig(task="ner", train="a", dev="b", loss=loss, start_loss="ce", start_share=0.5)
    assert start_of(later, later.recipe(), Facts({}, background=True)).at_prior


def tagged(entities, words, name):
    """A file with entities of one word each, at most one in a sentence of five words."""
    rows = [
        f"{'Quay B-SITE' if n < entities else 'it O'}\nis O\nup O\nand O\nfine O\n"
        for n in range(words // 5)
    ]
    Path(name).write_text("\n".join(rows), encoding="utf-8")
    return name


@pytest.mark.parametrize(
    ("entities", "words", "expected"),
    [
        (FEW - 1, 60 * FEW, OF_FEW),
        (FEW, 60 * FEW, LOSS),
        (21, 1000, LOSS),  # few, but not among many
        (19, 1000, OF_FEW),
    ],
)
def test_few_entities_among_many_words_have_a_loss_of_their_own(
    place, entities, words, expected, log
):
    file = tagged(entities, words, "some.conll")
    ner, pos = TASKS["ner"], TASKS["pos"]
    train = ner.read(file, ner.Options())
    task = ner.of(train, ner.Options())
    assert loss_of(task, train, lambda: FEW_STEPS)[0] == expected
    assert loss_of(task, train, lambda: FEW_STEPS + 1)[0] == LOSS
    without_background = pos.of(train, pos.Options())
    assert loss_of(without_background, train, lambda: FEW_STEPS)[0] == LOSS
    asked = {"task": "ner", "model": "token", **dict.fromkeys(("train", "dev", "test"), file)}
    plan = make_plan({**asked, "trainer": {"max_steps": FEW_STEPS}}, ["auto", "dice"], 1)
    assert plan.objectives["auto"].loss == expected
    assert any(line.startswith(f"auto is {expected}: ") for line in log.messages)
    plan = make_plan({**asked, "trainer": {"max_steps": FEW_STEPS + 1}}, ["auto", "dice"], 1)
    assert plan.objectives["auto"].loss == LOSS


def test_a_run_trains_the_loss_of_few_entities_and_says_why(place, log):
    file = tagged(5, 500, "few.conll")
    found = run(config("ner", file, "token")).objective
    assert found["text"] == found["auto"]["loss"] == OF_FEW
    assert found["prior_bias"] is True
    said = "5 of 500 words are of entities, with 2 steps to train ("
    assert found["auto"]["because"].startswith(said)
    assert any(f"auto: {OF_FEW} with a decision tuned on dev" in line for line in log.messages)
    asked = run(config("ner", file, "token", loss=LOSS, out="asked")).objective
    assert asked["text"] == LOSS


def test_the_steps_are_those_that_are_trained(place, monkeypatch, log):
    """Of windows, not of texts; and of all processes, which form their group later."""
    file = Path("long.conll")
    file.write_text("\n".join(["is O\n" * 59 + f"Bonn{n} B-CITY\n" for n in range(6)]))
    trainer = {"num_train_epochs": 1.5, "per_device_train_batch_size": 2, "use_cpu": True}
    trainer |= {"gradient_accumulation_steps": 2, "learning_rate": 1e-3}
    asked = {"task": "ner", "train": str(file), "dev": str(file), "model": "token"}
    asked |= {"max_length": 24, "trainer": trainer}
    found = run(RunConfig(**asked, out="out"))
    steps = found.training["planned_steps"]
    assert steps > steps_of(trainer, 6)
    assert f"with {steps} steps to train" in found.objective["auto"]["because"]
    log.clear()
    make_plan({**asked, "test": str(file)}, ["auto", "dice"], 1)
    assert any(f"with {steps} steps to train" in line for line in log.messages)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert steps_of(trainer, 100) == math.ceil(1.5 * math.ceil(100 / 8))


def test_a_trained_head_and_a_loss_with_shares_of_its_own_keep_their_start(place):
    first = run(config("ner", "ner.conll", "token", loss="ce")).objective
    assert first["prior_bias"] is True
    again = config("ner", "ner.conll", "out", out="again")
    found = run(again).objective
    assert found["prior_bias"] is False
    assert found["auto"]["start"] == "the head of the model is trained already, and starts as it is"
    assert run(replace(again, prior_bias=True, out="asked")).objective["prior_bias"] is True
    for loss in ("la", "ce+la", "cb"):  # even is their start at the shares
        own = replace(again, loss=loss)
        assert not start_of(own, own.recipe(), Facts({}, background=True)).at_prior


def test_a_part_of_speech_that_is_called_o_is_no_background(place):
    tags = "I O\nsee V\nit O\n\nwe O\nrun V\n"
    Path("pos.conll").write_text(tags, encoding="utf-8")
    found = run(config("pos", "pos.conll", "token")).objective
    assert found["prior_bias"] is False
    assert found["auto"]["start"] == (
        "the head starts even, as no class of its softmax is a background"
    )


def test_a_softmax_starts_at_the_share_of_the_background_or_of_each_class(place):
    task = TASKS["ner"](["O", "B-X", "I-X", "B-Y", "I-Y"])
    model = load_model(task.auto_class, "token", task.labels).eval()
    start_at_prior(task, model, {"tags": torch.tensor([90, 4, 3, 2, 1])})
    shares = model.classifier.bias.detach().softmax(-1)
    assert shares.tolist() == pytest.approx([0.9, 0.025, 0.025, 0.025, 0.025], abs=1e-6)
    task = TASKS["text"](["a", "b"], metric="accuracy")
    model = load_model(task.auto_class, "sequence", task.labels).eval()
    start_at_prior(task, model, {"label": torch.tensor([30, 10])})
    (bias,) = task.head_biases(model).values()
    assert bias.softmax(-1).tolist() == pytest.approx([0.75, 0.25], abs=1e-6)


def test_a_run_says_what_auto_is_and_keeps_it_in_full(place, caplog):
    with caplog.at_level("INFO", logger="dicetune"):
        run(config("multilabel", "multilabel.tsv", "sequence"))
    assert "auto: ce with a decision tuned on dev, because" in caplog.text
    objective = read_json(Path("out/run.json"))["objective"]
    assert objective["text"] == "ce"
    assert objective["prior_bias"] is True  # 120 positives a label
    assert objective["auto"]["decision"] == "tuned"
    assert "start at the share of their positives" in objective["auto"]["start"]


def test_the_best_of_several_losses_is_kept(place, caplog):
    asked = config("text", "text.tsv", "sequence")
    with caplog.at_level("INFO", logger="dicetune"):
        found = dicetune.train(config=asked, tries=2)
    tries = found.record.objective["tries"]
    assert [one["loss"] for one in tries["runs"]] == list(TRIES[:2])
    best = max(tries["runs"], key=lambda one: one["dev"])
    assert found.record.objective["text"] == best["loss"]
    assert math.isfinite(tries["optimism"])
    assert "flatters the dev score" in caplog.text
    assert not Path("out.tries").exists()
    assert RunRecord.load("out").objective == found.record.objective
    assert dicetune.predict("out", text=["gate is up"])
    with pytest.raises(InputError, match="expected a new or empty folder"):
        dicetune.train(config=asked, tries=2)


def test_tries_go_on_after_a_stop(place, monkeypatch):
    asked = config("text", "text.tsv", "sequence")
    made = []

    def stopped(own, **how):
        made.append(own.loss)
        if len(made) == 2:
            raise KeyboardInterrupt
        return run(own, **how)

    monkeypatch.setattr("dicetune.comparison.tries.run", stopped)
    with pytest.raises(KeyboardInterrupt):
        dicetune.train(config=asked, tries=2)
    with pytest.raises(InputError, match="one deletes the other's runs"):
        dicetune.train(config=asked, tries=2, overwrite=True, resume=True)
    with pytest.raises(InputError, match="give --resume to go on with them"):
        dicetune.train(config=asked, tries=2)
    first = json.loads(Path(f"out.tries/1-{TRIES[0]}/run.json").read_text(encoding="utf-8"))
    found = dicetune.train(config=asked, tries=2, resume=True)
    assert made == [TRIES[0], TRIES[1], TRIES[1]]
    assert found.record.objective["tries"]["runs"][0]["loss"] == first["objective"]["text"]


@pytest.mark.parametrize(
    ("values", "tries", "message"),
    [
        ({"loss": "dice"}, 2, "expected --loss auto beside --try, got 'dice'"),
        ({}, 1, f"expected --try between 2 and {len(TRIES)}, got 1"),
        ({}, 99, f"expected --try between 2 and {len(TRIES)}, got 99: the list is ce,"),
    ],
)
def test_tries_that_cannot_be(place, values, tries, message):
    with pytest.raises(InputError, match=message):
        dicetune.train(config=config("text", "text.tsv", "sequence", **values), tries=tries)


def test_an_unfinished_run_of_another_auto_is_not_continued(place):
    asked = config("text", "text.tsv", "sequence")
    Path("out").mkdir()
    old = [line for line in asked.to_yaml().splitlines() if not line.startswith("decision")]
    Path("out/config.yaml").write_text("\n".join(old), encoding="utf-8")
    with pytest.raises(InputError, match="where 'auto' was ce\\+dice"):
        run(asked, resume=True)
