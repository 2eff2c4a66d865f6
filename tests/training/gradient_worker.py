"""Run by a launcher: optimizer steps on fixed data; writes the loss and the gradient of each.

Usage: gradient_worker.py OUT STEPS [CONFIG...], where STEPS is a JSON list of [loss, texts a
micro-batch, accumulation steps, other options of ``one_step`` if there are]. Then makes the run of
each configuration file.
"""

import json
import sys
from pathlib import Path

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from transformers import BertConfig, BertForTokenClassification, TrainerCallback, TrainingArguments

from dicetune import ObjectiveTrainer
from dicetune.loss_input import LossInput, item_count
from dicetune.losses import Loss, build
from dicetune.training import RunConfig, run
from dicetune.training.objective import Objective
from dicetune.training.processes import (
    by_process,
    leave_processes,
    process_count,
    process_number,
    summed,
)
from dicetune.training.whole_step import GraphRoom, WholeStep

LABELS, WORDS, TEXTS = 4, 10, 16


class Squared(Loss):
    """No mean over items, and no function of class sums either."""

    def value(self, logits, target, given):
        kept = target >= 0 if given["mask"] is None else given["mask"] & (target >= 0)
        each = torch.nn.functional.cross_entropy(logits[kept], target[kept], reduction="none")
        return (each.sum() / max(len(each), 1)).square()

    def is_additive(self, kind):
        return False


class Watched(ObjectiveTrainer):
    """Adds up the shares of the loss in float64; the stock log rounds them to float32."""

    seen = 0.0
    random = None

    def compute_loss(self, *positional, **named):
        self.random = torch.get_rng_state() if self.random is None else self.random
        loss = super().compute_loss(*positional, **named)
        self.seen = self.seen + loss.detach().double()
        return loss


class KeepGradient(TrainerCallback):
    """Remembers the gradient that the last step is taken with."""

    def on_pre_optimizer_step(self, args, state, control, model, **_):
        self.gradient = {n: p.grad.clone() for n, p in model.named_parameters()}


def data():
    """Texts of one length with very different numbers of labelled words, one without any."""
    generator = torch.Generator().manual_seed(3)
    items = []
    for number in range(TEXTS):
        labels = torch.randint(0, LABELS, (WORDS,), generator=generator)
        labels[number % WORDS :] = -100
        ids = torch.randint(5, 30, (WORDS,), generator=generator)
        items.append(
            {"input_ids": ids, "attention_mask": torch.ones(WORDS).long(), "labels": labels}
        )
    return items


def network(dropout=0.0):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        num_labels=LABELS,
    )
    return BertForTokenClassification(config).double()


def head_of(kind):
    """Loss inputs and item counts that read the head as one of another kind."""

    def items(logits, labels):
        gold, kept = labels["labels"], labels["labels"] != -100
        if kind == "labels":  # a sigmoid for each label of a word but the background
            target = torch.nn.functional.one_hot(gold.clamp(min=0), LABELS)[..., 1:].double()
            return LossInput("words", logits[..., 1:], target, kind, mask=kept)
        target = torch.where(kept.any(1), gold.argmax(1), -100)  # the position of a word
        # a softmax of equal weights would have no gradient in the bias
        weights = torch.linspace(1, 2, WORDS, dtype=torch.float64)
        return LossInput("texts", weights * logits[..., 0], target, kind)

    def item_counts(labels):
        item = items(torch.zeros(*labels["labels"].shape, LABELS), labels)
        return {item.name: item_count(item)}

    return {
        "loss_inputs": lambda outputs, labels: [items(outputs.logits, labels)],
        "item_counts": item_counts,
    }


def one_step(
    folder, loss, batch, accumulation, options=None, *, dropout=0.0, room=None, steps=1, kind=None
):
    """Loss and gradient of the last step of a new model, and the random state of each process.

    The loss is the sum over the ``steps``. ``room`` are the bytes for graphs of a whole step that
    wait; ``kind`` is what the head is read as, by default ``classes``.
    """
    keep = KeepGradient()
    trainer = Watched(
        model=network(dropout),
        args=TrainingArguments(
            output_dir=str(folder),
            use_cpu=True,
            ddp_backend="gloo" if torch.distributed.is_torchelastic_launched() else None,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=accumulation,
            train_sampling_strategy="sequential",
            max_steps=steps,
            optim="sgd",
            learning_rate=0.1,
            max_grad_norm=0.0,
            logging_steps=1,
            save_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        ),
        loss=Squared() if loss == "squared" else loss,
        class_counts=None if kind else torch.tensor([40, 30, 20, 10]),
        background=None if kind else 0,
        train_dataset=data(),
        callbacks=[keep],
        **(head_of(kind) if kind else {}),
        **(options or {}),
    )
    if room is not None:
        trainer.room = GraphRoom(trainer.args.device, room)
    trainer.train()
    return {
        "loss": trainer.accelerator.reduce(trainer.seen, reduction="mean").item(),
        "gradient": {name.removeprefix("module."): g for name, g in keep.gradient.items()},
        "random": trainer.accelerator.gather(trainer.random[None]),
    }


def sharded_step(loss, room):
    """Loss and gradient of 8 texts, where each process holds a part of each weight (FSDP)."""
    torch.manual_seed(0)
    mesh = init_device_mesh("cpu", (process_count(),))
    model = network().train()
    for layer in model.bert.encoder.layer:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    texts = data()[process_number() : 8 : process_count()]
    batches = [{name: value[None] for name, value in text.items()} for text in texts]
    kept = sum((batch["labels"] != -100).sum() for batch in batches)
    objective, counts = Objective(build(loss)), {"tags": summed(kept)}

    def forward(model, batch):
        logits = model(batch["input_ids"], batch["attention_mask"]).logits
        return [LossInput("tags", logits, batch["labels"])]

    step = WholeStep(
        batches,
        forward,
        lambda parts: objective.of_step(parts, counts),
        GraphRoom(torch.device("cpu"), room),
        exchanges=True,
    )
    total = torch.zeros((), dtype=torch.float64)
    for number in range(len(batches)):
        model.set_requires_gradient_sync(number == len(batches) - 1)
        share = step.share(model)
        share.backward()
        total += share.detach()
    return {
        "loss": (summed(total) / process_count()).item(),
        "gradient": {name: weight.grad.full_tensor() for name, weight in model.named_parameters()},
    }


if __name__ == "__main__":
    out = Path(sys.argv[1])
    found = []
    for loss, batch, accumulation, *named in json.loads(sys.argv[2]):
        place = out.with_suffix(".trainer")
        found.append(one_step(place, loss, batch, accumulation, **(named[0] if named else {})))
    found += [sharded_step("ce+dice", room) for room in (0, 10**9)]
    own = torch.arange(process_number() + 2) > 0
    found.append(by_process(own) + by_process(torch.ones(2, process_number())))
    for config in sys.argv[3:]:
        run(RunConfig.from_yaml(config))
    if torch.distributed.get_rank() == 0:
        torch.save(found, out)
    leave_processes()
