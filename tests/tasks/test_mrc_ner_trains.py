"""MrcNerTask with the real trainer and a tiny model: it learns, and the losses count its items."""

import pytest
import torch

from dicetune.data import EntityCorpus, EntitySentence, EntitySpan
from dicetune.models import load_model, load_tokenizer
from dicetune.tasks.mrc_ner import MrcNerOptions, MrcNerTask
from dicetune.training.batches import PaddingCollator
from dicetune.training.trainer import ObjectiveTrainer
from tiny import training_arguments

SENTENCES = [
    ("The pump at Quay Nine is down", [("site", 3, 5), ("thing", 1, 2)]),
    ("Dock four is fine", [("site", 0, 2)]),
    ("the scanner at gate 2 is not", [("site", 3, 5), ("thing", 1, 2)]),
    ("nobody knows why", []),
    ("the pump of Dock four", [("thing", 0, 5), ("site", 3, 5)]),
    ("Atlas Sync lost the queue", [("thing", 0, 2), ("thing", 3, 5)]),
    ("Quay Nine is fine again", [("site", 0, 2)]),
    ("the queue is down again", [("thing", 1, 2)]),
]
CORPUS = EntityCorpus(
    tuple(
        EntitySentence(tuple(text.split()), tuple(EntitySpan(*span) for span in spans))
        for text, spans in SENTENCES
    ),
    "sentences",
)


def trainer_of(folder, saved_family, loss, steps, options=None, batch=16):
    task = MrcNerTask.of(CORPUS, options)
    source = saved_family("bert")
    tokenizer = load_tokenizer(source)
    torch.manual_seed(3)
    model = load_model(task.auto_class, source, task.labels)
    assert model.config.max_span_words == task.max_span_words
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    encoded = task.encode(CORPUS, tokenizer, 40, training=True)
    arguments = training_arguments(
        folder,
        max_steps=steps,
        per_device_train_batch_size=batch,
        lr_scheduler_type="constant",
        label_names=list(task.targets),
        remove_unused_columns=False,
        seed=1,
    )
    trainer = ObjectiveTrainer(
        model=model,
        args=arguments,
        loss=loss,
        train_dataset=encoded.features,
        eval_dataset=task.encode(CORPUS, tokenizer, 40).features,
        data_collator=PaddingCollator(tokenizer, {**task.targets, **task.extra_inputs}),
        loss_inputs=task.loss_inputs,
        item_counts=task.item_counts,
        preprocess_logits_for_metrics=task.preprocess_logits,
    )
    return task, tokenizer, trainer


def test_eight_sentences_are_learnt(tmp_path, saved_family):
    task, tokenizer, trainer = trainer_of(tmp_path, saved_family, "ce", steps=120)
    trainer.train()
    encoded = task.encode(CORPUS, tokenizer, 40)
    output = trainer.predict(encoded.features)
    predicted = task.predict(task.decode(output.predictions, encoded), CORPUS)
    assert predicted == [sorted(s.spans, key=lambda span: span[1:]) for s in CORPUS]
    assert task.score(CORPUS, predicted)["f1"] == 1.0
    assert output.metrics["test_loss"] < 0.3


@pytest.mark.parametrize("loss", ["dice", "dsc", "focal", "auto"])
def test_every_loss_has_a_meaning(loss, tmp_path, saved_family):
    options = MrcNerOptions(candidates=6, negative_share=0.5)
    _, _, trainer = trainer_of(tmp_path, saved_family, loss, steps=3, options=options, batch=4)
    trainer.train()
    assert trainer.state.global_step == 3
