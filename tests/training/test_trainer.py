"""ObjectiveTrainer on a user's own model and data, for each standard head."""

import pytest
import torch
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    TrainingArguments,
)

from dicetune import LossInput, ObjectiveTrainer
from dicetune.errors import InputError
from dicetune.losses import build
from dicetune.training import NonFiniteLossError

SMALL = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 16,
}


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


def arguments(folder, **changes):
    options = {
        "output_dir": str(folder),
        "use_cpu": True,
        "per_device_train_batch_size": 8,
        "max_steps": 4,
        "learning_rate": 1e-2,
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }
    return TrainingArguments(**{**options, **changes})


def tagger(**changes):
    torch.manual_seed(0)
    return BertForTokenClassification(BertConfig(**SMALL, num_labels=3, **changes))


@pytest.mark.parametrize(
    "loss",
    ["ce", "wce", "focal", "mom", "la", "cb", "asl", "dl", "dice", "tversky", "dsc", "auto"],
)
def test_a_token_head_learns(tmp_path, loss):
    data = items()
    trainer = ObjectiveTrainer(
        model=tagger(),
        args=arguments(tmp_path, max_steps=60),
        train_dataset=data,
        eval_dataset=data,
        loss=loss,
        background=0,
        class_counts=torch.tensor([120, 24, 24]),
    )
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert trainer.evaluate()["eval_loss"] < before


def test_evaluation_loss_is_that_of_the_whole_set_and_no_mean_over_batches(tmp_path):
    data = items()
    model = tagger(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).eval()
    logits = model(torch.stack([d["input_ids"] for d in data])).logits.detach()
    target = torch.stack([d["labels"] for d in data])
    for loss in ("dice", "ce", "ce+0.5*dsc"):
        trainer = ObjectiveTrainer(
            model=model,
            args=arguments(tmp_path, per_device_eval_batch_size=5),
            eval_dataset=data,
            loss=loss,
        )
        expected = build(loss)(logits, target).item()
        assert trainer.evaluate()["eval_loss"] == pytest.approx(expected, rel=1e-5), loss


def test_a_sequence_head_and_a_multi_label_head(tmp_path):
    data = items()
    for kind, labels in (
        ("single_label_classification", [torch.tensor(i % 3) for i in range(24)]),
        ("multi_label_classification", [torch.eye(3)[i % 3] for i in range(24)]),
    ):
        config = BertConfig(**SMALL, num_labels=3, problem_type=kind)
        rows = [{**item, "labels": label} for item, label in zip(data, labels, strict=True)]
        trainer = ObjectiveTrainer(
            model=BertForSequenceClassification(config),
            args=arguments(tmp_path),
            train_dataset=rows,
            eval_dataset=rows,
            loss="ce+dice",
        )
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
    trainer = ObjectiveTrainer(
        model=BertForQuestionAnswering(BertConfig(**SMALL)),
        args=arguments(tmp_path),
        train_dataset=rows,
        eval_dataset=rows,
        loss="ce",
    )
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert trainer.evaluate()["eval_loss"] < before


def test_an_own_head_brings_its_own_inputs(tmp_path):
    def loss_inputs(outputs, labels):
        return [LossInput("tags", outputs["logits"], labels["labels"], background=0)]

    def item_counts(labels):
        return {"tags": (labels["labels"] != -100).sum()}

    trainer = ObjectiveTrainer(
        model=tagger(),
        args=arguments(tmp_path),
        train_dataset=items(),
        loss="dice:average=micro,classes=foreground",
        loss_inputs=loss_inputs,
        item_counts=item_counts,
    )
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
    trainer = ObjectiveTrainer(
        model=model, args=arguments(tmp_path), train_dataset=items(), loss="ce"
    )
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
    ],
)
def test_options_that_exclude_each_other(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        ObjectiveTrainer(model=tagger(), args=arguments(tmp_path), **options)


def test_integer_labels_of_the_logits_shape_are_refused(tmp_path):
    config = BertConfig(**SMALL, num_labels=3)
    rows = [{**item, "labels": torch.eye(3)[0].long()} for item in items()]
    trainer = ObjectiveTrainer(
        model=BertForSequenceClassification(config), args=arguments(tmp_path), train_dataset=rows
    )
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
    trainer = ObjectiveTrainer(
        model=tagger(),
        args=arguments(tmp_path),
        train_dataset=items(),
        loss_inputs=lambda outputs, labels: [
            LossInput("tags", outputs["logits"], labels["labels"])
        ],
        item_counts=counts,
    )
    with pytest.raises(InputError, match=message):
        trainer.train()


def test_a_loss_without_meaning_for_the_head_is_refused_in_the_first_step(tmp_path):
    trainer = ObjectiveTrainer(
        model=tagger(), args=arguments(tmp_path), train_dataset=items(), loss="dice:average=micro"
    )
    with pytest.raises(InputError, match="micro"):
        trainer.train()


def test_the_last_step_of_the_start_phase_belongs_to_it(tmp_path):
    trainer = ObjectiveTrainer(
        model=tagger(),
        args=arguments(tmp_path),
        train_dataset=items(),
        loss="dice",
        start_loss="ce",
        start_share=0.4,
    )
    trainer.state.max_steps = 6
    phases = []
    for trainer.state.global_step in range(6):
        phases.append(trainer.phase)
    assert phases == ["start"] * 3 + ["main"] * 3


def test_label_smoothing_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected label_smoothing_factor=0, got 0\.1"):
        ObjectiveTrainer(model=tagger(), args=arguments(tmp_path, label_smoothing_factor=0.1))
