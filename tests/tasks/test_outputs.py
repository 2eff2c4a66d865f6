"""Outputs of windows in batches: the same as the stock trainer joins, copied once."""

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForTokenClassification, Trainer
from transformers.trainer_pt_utils import nested_concat

from dicetune import ObjectiveTrainer
from dicetune.tasks.encoded import Batches, join_batches
from tiny import SMALL, training_arguments

RNG = np.random.default_rng(0)
PARTS = [RNG.normal(size=(count, width, 3)) for count, width in ((4, 7), (4, 5), (1, 2))]
NESTS = {
    "tuple": [(part, part[:, :, 0]) for part in PARTS],
    "mapping": [{"a": part} for part in PARTS],
    "vector": [part[:, 0, 0] for part in PARTS],
    "scalar": [np.array(1.0), np.array(2.0)],
}


@pytest.mark.parametrize("batches", NESTS.values(), ids=NESTS)
def test_joined_as_the_stock_trainer_joins(batches):
    expected = batches[0]
    for batch in batches[1:]:
        expected = nested_concat(expected, batch, padding_index=-100)
    got = join_batches(batches)
    assert type(got) is type(expected)
    np.testing.assert_equal(got, expected)


def test_outputs_at_places_are_those_of_one_array():
    whole, batches = join_batches(PARTS), Batches.of(PARTS)
    window = RNG.integers(0, 9, 40)
    position = RNG.integers(0, np.array([7] * 4 + [5] * 4 + [2])[window])
    np.testing.assert_equal(batches[window, position], whole[window, position])
    np.testing.assert_equal(np.asarray(batches), whole)
    none = np.array([], dtype=int)
    assert batches[none, none].shape == (0, 3)


@pytest.mark.parametrize("accumulation", [None, 2])
def test_metrics_of_the_user_see_what_the_stock_trainer_shows(tmp_path, accumulation):
    data = [
        {"input_ids": list(range(1, n)), "labels": [0] * (n - 1)} for n in (9, 9, 8, 8, 5, 5, 4)
    ]
    model = BertForTokenClassification(BertConfig(**SMALL, num_labels=3))
    arguments = training_arguments(
        tmp_path, per_device_eval_batch_size=2, eval_accumulation_steps=accumulation
    )
    seen = []

    def compute_metrics(evaluation):
        seen.append((evaluation.predictions, evaluation.label_ids))
        return {}

    def pad(rows):
        width = max(len(row["labels"]) for row in rows)
        return {
            key: torch.tensor([row[key] + [fill] * (width - len(row[key])) for row in rows])
            for key, fill in (("input_ids", 0), ("labels", -100))
        }

    for kind, more in ((Trainer, {}), (ObjectiveTrainer, {"loss": "ce"})):
        trainer = kind(
            model=model,
            args=arguments,
            data_collator=pad,
            compute_metrics=compute_metrics,
            **more,
        )
        trainer.evaluate(data)
        output = trainer.predict(data)
        seen.append((output.predictions, output.label_ids))
        assert trainer.args.eval_do_concat_batches
        assert trainer.compute_metrics is compute_metrics
    for stock, ours in zip(seen[:3], seen[3:], strict=True):
        np.testing.assert_equal(ours, stock)
