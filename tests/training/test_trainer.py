"""ObjectiveTrainer on a user's own model and data, for each standard head."""

import stat

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    Trainer,
)

from dicetune import LossInput, ObjectiveTrainer
from dicetune.errors import InputError
from dicetune.losses import build
from dicetune.training import NonFiniteLossError
from tiny import SMALL
from tiny import training_arguments as arguments


def items(count=24, words=8):
    """Texts whose labels can be read off their words: word 5 is class 1, word 6 class 2."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 12, (count, words), generator=generator)
    labels = torch.where(ids == 5, 1, torch.where(ids == 6, 2, 0))
    labels[:, 0] = -100
    return [
        {"input_ids": row, "attention_mask": torch.ones(words).long(), "labels": gold}
        for row, gold in zip(ids, labels, strict=True)
    ]


def texts(label):
    """Texts with a label each, which is made of their number."""
    return [{**item, "labels": label(number)} for number, item in enumerate(items())]


def tagger(**changes):
    torch.manual_seed(0)
    return BertForTokenClassification(BertConfig(**SMALL, num_labels=3, **changes))


def trainer_of(folder, model=None, data=None, *, options=None, **changes):
    """A trainer of a tiny model (a tagger) that trains and evaluates on the same rows."""
    data = items() if data is None else data
    return ObjectiveTrainer(
        model=tagger() if model is None else model,
        args=arguments(folder, **changes),
        train_dataset=data,
        eval_dataset=data,
        **(options or {}),
    )


@pytest.mark.parametrize(
    "loss",
    ["ce", "wce", "focal", "mom", "la", "cb", "asl", "gce", "dl", "dice", "tversky", "dsc", "auto"],
)
def test_a_token_head_learns(tmp_path, loss):
    counts = torch.tensor([120, 24, 24])
    options = {"loss": loss, "background": 0, "class_counts": counts}
    trainer = trainer_of(tmp_path, max_steps=20, options=options)
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert trainer.evaluate()["eval_loss"] < before


def test_evaluation_loss_is_that_of_the_whole_set_and_no_mean_over_batches(tmp_path):
    data = items()
    model = tagger(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).eval()
    logits = model(torch.stack([d["input_ids"] for d in data])).logits.detach()
    target = torch.stack([d["labels"] for d in data])
    for loss in ("dice", "ce", "ce+0.5*dsc"):
        options = {"loss": loss}
        trainer = trainer_of(tmp_path, model, data, options=options, per_device_eval_batch_size=5)
        expected = build(loss)(logits, target).item()
        assert trainer.evaluate()["eval_loss"] == pytest.approx(expected, rel=1e-5), loss


def test_a_sequence_head_and_a_multi_label_head(tmp_path):
    for kind, label in (
        ("single_label_classification", lambda i: torch.tensor(i % 3)),
        ("multi_label_classification", lambda i: torch.eye(3)[i % 3]),
    ):
        config = BertConfig(**SMALL, num_labels=3, problem_type=kind)
        model = BertForSequenceClassification(config)
        trainer = trainer_of(tmp_path, model, texts(label), options={"loss": "ce+dice"})
        trainer.train()
        assert trainer.evaluate()["eval_loss"] > 0


def test_a_question_answering_head_takes_the_same_path(tmp_path):
    rows = [
        {
            "input_ids": item["input_ids"],
            "attention_mask": item["attention_mask"],
            "start_positions": torch.tensor(i % 8),
            "end_positions": torch.tensor(min(i % 8 + 1, 7)),
        }
        for i, item in enumerate(items())
    ]
    model = BertForQuestionAnswering(BertConfig(**SMALL))
    trainer = trainer_of(tmp_path, model, rows, options={"loss": "ce"})
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert trainer.evaluate()["eval_loss"] < before


def test_an_own_head_brings_its_own_inputs(tmp_path):
    def loss_inputs(outputs, labels):
        return [LossInput("tags", outputs["logits"], labels["labels"], background=0)]

    def item_counts(labels):
        return {"tags": (labels["labels"] != -100).sum()}

    brought = {"loss_inputs": loss_inputs, "item_counts": item_counts}
    options = {"loss": "dice:average=micro,classes=foreground", **brought}
    trainer = trainer_of(tmp_path, options=options)
    assert trainer.train().training_loss > 0


def test_the_start_phase_is_a_share_of_the_steps(tmp_path):
    phases = []

    class Watched(ObjectiveTrainer):
        def compute_loss(self, *positional, **named):
            phases.append(self.phase)
            return super().compute_loss(*positional, **named)

    trainer = Watched(
        model=tagger(),
        args=arguments(tmp_path, max_steps=5),
        train_dataset=items(),
        loss="dice",
        start_loss="ce",
        start_share=0.4,
    )
    trainer.train()
    assert phases == ["start", "start", "main", "main", "main"]


def test_a_loss_that_is_not_finite_stops_the_run_and_says_where(tmp_path):
    model = tagger()
    with torch.no_grad():
        model.classifier.bias[0] = float("nan")
    trainer = trainer_of(tmp_path, model, options={"loss": "ce"})
    with pytest.raises(
        NonFiniteLossError, match=r"got nan at step 1 \(main phase, ce.*not finite.*lower the"
    ):
        trainer.train()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "dcie"}, "unknown loss 'dcie': did you mean 'dice'"),
        ({"loss": "dice", "start_share": 0.4}, "expected start_loss and start_share together"),
        ({"loss": "auto", "start_loss": "ce"}, "expected no start phase beside loss 'auto'"),
        ({"compute_loss_func": print}, "give it as loss= instead"),
        ({"loss_inputs": print}, "expected loss_inputs= and item_counts= together"),
        ({"label_smoothing_factor": 0.1}, r"expected label_smoothing_factor=0, got 0\.1"),
        ({"loss": 7}, r"called as f\(logits, target\)"),
        ({"loss": None}, "expected a loss, got None"),
        ({"loss": nn.CrossEntropyLoss}, r"as in CrossEntropyLoss\(\)"),
        (
            {"loss": nn.Bilinear(2, 2, 1)},
            "without weights to train, got 'called.weight' in 'Bilinear'",
        ),
    ],
)
def test_what_cannot_train_is_refused_before_training(tmp_path, options, message):
    changes = {name: value for name, value in options.items() if name == "label_smoothing_factor"}
    options = {name: value for name, value in options.items() if name not in changes}
    with pytest.raises(InputError, match=message):
        ObjectiveTrainer(model=tagger(), args=arguments(tmp_path, **changes), **options)


def test_integer_labels_of_the_logits_shape_are_refused(tmp_path):
    config = BertConfig(**SMALL, num_labels=3)
    rows = texts(lambda i: torch.eye(3)[0].long())
    trainer = trainer_of(tmp_path, BertForSequenceClassification(config), rows)
    with pytest.raises(InputError, match=r"expected float labels .* convert them with \.float\(\)"):
        trainer.train()


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (lambda labels: {"other": torch.tensor(1)}, r"expected item_counts for \['tags'\]"),
        (lambda labels: {"tags": torch.tensor(7)}, "expected item_counts to count the 56 items"),
    ],
)
def test_counts_that_are_not_the_inputs_are_found_in_the_first_step(tmp_path, counts, message):
    def loss_inputs(outputs, labels):
        return [LossInput("tags", outputs["logits"], labels["labels"])]

    brought = {"loss_inputs": loss_inputs, "item_counts": counts}
    trainer = trainer_of(tmp_path, options=brought)
    with pytest.raises(InputError, match=message):
        trainer.train()


def test_a_loss_without_meaning_for_the_head_is_refused_in_the_first_step(tmp_path):
    trainer = trainer_of(tmp_path, options={"loss": "dice:average=micro"})
    with pytest.raises(InputError, match="micro"):
        trainer.train()


def test_the_last_step_of_the_start_phase_belongs_to_it(tmp_path):
    options = {"loss": "dice", "start_loss": "ce", "start_share": 0.4}
    trainer = trainer_of(tmp_path, options=options)
    trainer.state.max_steps = 6
    phases = []
    for trainer.state.global_step in range(6):
        phases.append(trainer.phase)
    assert phases == ["start"] * 3 + ["main"] * 3


class Weighted(nn.Module):
    """A loss with a buffer, which has to move with it, and a sum over nothing but its items."""

    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.ones(3))

    def forward(self, logits, target):
        assert (target >= 0).all()
        return F.cross_entropy(logits, target, self.weight.to(logits), reduction="none")


@pytest.mark.parametrize(
    "loss", [nn.CrossEntropyLoss(), lambda z, y: nn.functional.cross_entropy(z, y), Weighted()]
)
@pytest.mark.parametrize("accumulation", [1, 4])
def test_any_function_of_logits_and_target_trains_as_cross_entropy_does(
    tmp_path, loss, accumulation
):
    data = items()
    for number, item in enumerate(data):  # texts that differ in how many words count
        item["labels"][number % 7 + 1 :] = -100
    changes = {
        "per_device_train_batch_size": 8 // accumulation,
        "gradient_accumulation_steps": accumulation,
        "train_sampling_strategy": "sequential",
        "max_steps": 2,
    }
    weights = []
    for chosen in (loss, "ce"):
        model = tagger(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).double()
        trainer = trainer_of(tmp_path, model, data, options={"loss": chosen}, **changes)
        trainer.train()
        weights.append((trainer.model.classifier.weight, trainer.evaluate()["eval_loss"]))
    torch.testing.assert_close(weights[0][0], weights[1][0])
    assert weights[0][1] == pytest.approx(weights[1][1])


def test_an_own_loss_may_lead_to_another(tmp_path):
    options = {"loss": "dice", "start_loss": nn.CrossEntropyLoss(), "start_share": 0.5}
    trainer = trainer_of(tmp_path, options=options)
    trainer.train()
    assert str(trainer.recipe) == "CrossEntropyLoss for 50% of the steps, then dice"


def classifier(labels, **changes):
    torch.manual_seed(0)
    return BertForSequenceClassification(BertConfig(**SMALL, num_labels=labels, **changes))


@pytest.mark.parametrize("loss", ["ce", "dice", nn.BCEWithLogitsLoss()])
def test_a_head_with_one_logit_is_one_sigmoid_an_item(tmp_path, loss):
    rows = texts(lambda i: float(i % 2))
    model = classifier(1)
    args = {"options": {"loss": loss}, "gradient_accumulation_steps": 2}
    trainer = trainer_of(tmp_path, model, rows, **args)
    logits = model.eval()(torch.stack([row["input_ids"] for row in rows])).logits
    gold = torch.tensor([[row["labels"]] for row in rows])
    expected = (build(loss) if isinstance(loss, str) else loss)(logits, gold).item()
    assert trainer.evaluate()["eval_loss"] == pytest.approx(expected, rel=1e-5)
    trainer.train()
    tags = BertForTokenClassification(BertConfig(**SMALL, num_labels=1))
    words = [{**item, "labels": item["labels"].clamp(max=1).float()} for item in items()]
    trainer_of(tmp_path, tags, words, **args).train()
    whole = [{**row, "labels": i % 2} for i, row in enumerate(rows)]
    with pytest.raises(InputError, match=r"convert them with \.float\(\)"):
        trainer_of(tmp_path, model, whole, **args).train()


class Bare(nn.Module):
    """A model of a user's own: its outputs in any form."""

    def __init__(self, form):
        super().__init__()
        self.inner, self.form = classifier(2), form

    def forward(self, input_ids, attention_mask, labels=None):
        logits = self.inner(input_ids, attention_mask).logits
        return self.form(logits)


@pytest.mark.parametrize(
    "form", [lambda z: (z,), lambda z: [z, (z, z)], lambda z: {"logits": z}, lambda z: z]
)
def test_logits_are_found_in_outputs_of_any_form_and_predicted(tmp_path, form):
    rows = texts(lambda i: i % 2)
    expected = None
    for model in (classifier(2), Bare(form)):
        trainer = trainer_of(tmp_path, model, rows, options={"loss": "ce"})
        found = trainer.predict(rows)
        scores = found.predictions[0] if isinstance(found.predictions, tuple) else found.predictions
        assert scores.shape == (24, 2)
        expected = found.metrics["test_loss"] if expected is None else expected
        assert found.metrics["test_loss"] == pytest.approx(expected)
    trainer.train()


def test_a_model_that_returns_tuples_by_its_configuration(tmp_path):
    rows = texts(lambda i: i % 2)
    trainer = trainer_of(tmp_path, classifier(2, return_dict=False), rows)
    trainer.train()
    assert trainer.predict(rows).predictions.shape == (24, 2)


@pytest.mark.parametrize("form", [lambda z: {"scores": z}, lambda z: ("no", z), lambda z: 3])
def test_outputs_without_logits_are_refused(tmp_path, form):
    rows = texts(lambda i: i % 2)
    trainer = trainer_of(tmp_path, Bare(form), rows)
    with pytest.raises(InputError, match="expected outputs with logits, or a tuple that begins"):
        trainer.train()


@pytest.mark.parametrize("column", [False, True])
def test_an_answer_beyond_the_window_is_ignored_as_in_the_stock_head(tmp_path, column):
    rows = []
    for number, item in enumerate(items()):
        ends = torch.tensor([number % 10, number % 7 + 6])  # a window has 8 words
        start, end = (end[None] if column else end for end in ends)
        inputs = {name: item[name] for name in ("input_ids", "attention_mask")}
        rows.append({**inputs, "start_positions": start, "end_positions": end})
    torch.manual_seed(0)
    model = BertForQuestionAnswering(BertConfig(**SMALL)).eval()
    changes = {"per_device_eval_batch_size": 24, "gradient_accumulation_steps": 2}
    args = arguments(tmp_path, **changes)
    stock = Trainer(model=model, args=args, eval_dataset=rows).evaluate()["eval_loss"]
    trainer = trainer_of(tmp_path, model, rows, options={"loss": "ce"}, **changes)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(stock, rel=1e-6)
    trainer.train()


@pytest.mark.parametrize(
    ("changes", "spoilt", "message"),
    [
        ({"learning_rate": 1e40, "max_steps": 1}, False, "finite weights, got .* after step 1"),
        ({}, True, r"got 16 of 640 that are not in 'bert\.embeddings\.word.* after step 4"),
        (
            {"learning_rate": 1e40, "max_steps": 1, "eval_strategy": "steps", "eval_steps": 1},
            False,
            "finite loss, got nan for eval after step 1 .*lower the learning rate",
        ),
    ],
)
def test_a_model_that_is_not_finite_after_the_last_step_is_refused(
    tmp_path, changes, spoilt, message
):
    model = tagger()
    if spoilt:  # a word that no text holds: no loss ever meets it
        with torch.no_grad():
            model.bert.embeddings.word_embeddings.weight[39] = float("nan")
    changes = {"max_grad_norm": 0.0 if spoilt else 1.0, **changes}
    trainer = trainer_of(tmp_path, model, options={"loss": "ce"}, **changes)
    with pytest.raises(NonFiniteLossError, match=message):
        trainer.train()


def test_checkpoints_may_be_read_by_whom_the_umask_lets(tmp_path):
    trainer_of(tmp_path, max_steps=1, save_strategy="steps", save_steps=1).train()
    fresh = tmp_path / "fresh"
    fresh.touch()
    modes = {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*") if p.is_file()}
    assert modes == {stat.S_IMODE(fresh.stat().st_mode)}
    assert any(tmp_path.rglob("model.safetensors"))


@pytest.mark.parametrize(
    ("name", "value", "got"), [("WORLD_SIZE", "2", "got 1"), ("RANK", "1", "got 0")]
)
def test_a_process_that_knows_nothing_of_the_others_is_refused(
    tmp_path, monkeypatch, name, value, got
):
    args = arguments(tmp_path)
    assert args.world_size == 1
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=f"as {name}={value} says, {got}"):
        ObjectiveTrainer(model=tagger(), args=args, train_dataset=items())
