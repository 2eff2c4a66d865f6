"""Signals are taken while a training goes on, and given back however it ends."""

import signal

import pytest
import torch
from transformers import BertConfig, BertForTokenClassification

from dicetune import ObjectiveTrainer
from dicetune.training.callbacks import StopOnSignal
from tiny import SMALL, training_arguments

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture
def heard():
    """What handlers of the program itself were told."""
    told = []
    before = {
        number: signal.signal(number, lambda number, frame: told.append(number))
        for number in SIGNALS
    }
    yield told
    for number, handler in before.items():
        signal.signal(number, handler)


def handlers():
    return [signal.getsignal(number) for number in SIGNALS]


def trainer(folder, loss, stop):
    row = {"input_ids": torch.arange(4), "labels": torch.tensor([0, 1, 0, 1])}
    return ObjectiveTrainer(
        model=BertForTokenClassification(BertConfig(**SMALL)),
        args=training_arguments(folder, max_steps=3, save_strategy="steps"),
        train_dataset=[row] * 8,
        loss=loss,
        callbacks=[stop],
    )


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_second_signal_of_any_kind_does_what_the_program_would_have_done(heard, first, second):
    before, stop = handlers(), StopOnSignal()
    stop.on_train_begin(None, None, None)
    assert handlers() != before
    signal.raise_signal(first)
    assert heard == []
    signal.raise_signal(second)
    assert heard == [second]
    assert handlers() == before


def test_the_default_action_is_taken(heard):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stop = StopOnSignal()
    stop.on_train_begin(None, None, None)
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_what_is_ignored_stays_ignored(heard):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stop = StopOnSignal()
    stop.on_train_begin(None, None, None)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    stop.restore()


def test_a_training_that_fails_gives_the_signals_back(heard, tmp_path):
    before, seen = handlers(), []

    def failing(logits, target):
        seen.append(handlers())
        return logits.sum() * float("nan")

    with pytest.raises(ValueError, match="finite"):
        trainer(tmp_path, failing, StopOnSignal()).train()
    assert seen[0] != before
    assert handlers() == before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_step_saves_and_is_passed_on_when_asked(heard, tmp_path, number):
    before, stop = handlers(), StopOnSignal()

    def signalled(logits, target):
        signal.raise_signal(number)
        return torch.nn.functional.cross_entropy(logits, target)

    trained = trainer(tmp_path, signalled, stop)
    trained.train()
    assert (stop.stopped, trained.state.global_step, heard) == (True, 1, [])
    assert (tmp_path / "checkpoint-1").is_dir()
    assert handlers() == before
    stop.pass_on()
    assert heard == [number]
