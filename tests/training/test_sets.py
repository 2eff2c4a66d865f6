"""What a set-level loss is computed over: the whole step, or running sums; told and resumed."""

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForTokenClassification

from commands import command
from dicetune import ObjectiveTrainer
from dicetune.errors import InputError, InputTypeError
from dicetune.losses import Loss, build
from dicetune.records import read_json
from dicetune.training.sets import LossSet, RunningSums
from dicetune.training.whole_step import GraphRoom, RandomState, free_memory
from local_runs import SENTENCES
from tiny import SMALL, tiny_bert, training_arguments


def trainer(folder, *, room=0, dropout=0.0, loss="dice", how=None, **changes):
    """A tagger on 24 texts that differ in their number of words and of labels."""
    generator = torch.Generator().manual_seed(0)
    rows = []
    for number in range(24):
        words = 3 + number % 5
        ids = torch.randint(5, 12, (words,), generator=generator)
        rows.append({"input_ids": ids, "labels": torch.where(ids < 7, ids - 4, 0)})
        rows[-1]["labels"][number % 3 :: 3] = -100

    def collate(batch):
        def padded(name, value):
            rows = [row[name] for row in batch]
            return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)

        ids = padded("input_ids", 0)
        return {
            "input_ids": ids,
            "attention_mask": (ids > 0).long(),
            "labels": padded("labels", -100),
        }

    torch.manual_seed(0)
    quiet = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    changes = {"train_sampling_strategy": "sequential", **changes}
    made = ObjectiveTrainer(
        model=BertForTokenClassification(BertConfig(**SMALL, **quiet, num_labels=3)),
        args=training_arguments(folder, **changes),
        train_dataset=rows,
        data_collator=collate,
        loss=loss,
        **(how or {}),
    )
    made.room = GraphRoom(made.args.device, room)
    return made


def weights_after(folder, **options):
    made = trainer(folder, **options)
    made.train()
    return made.model.state_dict()


def assert_same(found, expected, within=0.0):
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=0, atol=within, msg=name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepp", "unknown set 'stepp': did you mean 'step'"),
        ("step:3", "expected set 'running:N' with N of at least 2"),
        ("running:1", "expected set 'running:N' with N of at least 2"),
        ("running:x", "expected set 'running:N'"),
        (None, "expected set as text, got None"),
    ],
)
def test_other_sets_are_refused(tmp_path, text, message):
    with pytest.raises((InputError, InputTypeError), match=message):
        trainer(tmp_path, how={"set": text})


def test_running_has_no_meaning_for_a_selection_or_for_a_loss_without_sums(tmp_path):
    with pytest.raises(InputError, match="expected set 'batch' or 'step' beside hard_negatives"):
        trainer(tmp_path, how={"set": "running", "hard_negatives": 3})

    class Whole(Loss):
        def value(self, logits, target, given):
            return logits.square().mean().sqrt()

        def is_additive(self, kind):
            return False

    with pytest.raises(InputError, match="no function of class sums, got 'running' for 'Whole'"):
        trainer(tmp_path, loss=Whole(), how={"set": "running"}).train()


# step


def test_steps_of_five_parts_and_a_rest_train_as_large_batches_do(tmp_path):
    changes = {"max_steps": -1, "num_train_epochs": 2, "max_grad_norm": 0.1}
    whole = weights_after(tmp_path, per_device_train_batch_size=10, **changes)
    cut = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 5}
    assert_same(weights_after(tmp_path, how={"set": "step"}, **cut, **changes), whole, 1e-5)


def test_half_precision_and_checkpointed_graphs_replay_exactly(tmp_path):
    changes = {
        "dropout": 0.3,
        "how": {"set": "step"},
        "bf16": True,
        "gradient_checkpointing": True,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 4,
        "max_steps": 2,
    }
    assert_same(weights_after(tmp_path, room=10**9, **changes), weights_after(tmp_path, **changes))


def test_a_step_that_is_over_is_gone_and_the_loss_of_a_batch_can_be_asked(tmp_path):
    made = trainer(tmp_path, how={"set": "step"}, max_steps=2, gradient_accumulation_steps=2)
    made.train()
    assert made._step is None
    batch = next(iter(made.get_train_dataloader()))
    count = {"labels": (batch["labels"] != -100).sum()}
    loss = made.compute_loss(made.model.train(), batch, num_items_in_batch=count)
    assert loss.requires_grad
    assert loss.isfinite()


def test_an_additive_loss_takes_no_whole_step(tmp_path):
    made = trainer(tmp_path, loss="ce", how={"set": "step"}, max_steps=2)
    made.train()
    assert made._step is None


def test_random_numbers_come_again_and_leave_the_state():
    device = torch.device("cpu")
    state = RandomState(device)
    first, after = torch.rand(3), torch.get_rng_state()
    with state.again():
        assert (torch.rand(3) == first).all()
    assert (torch.get_rng_state() == after).all()


def test_room_is_a_share_of_what_is_free():
    device = torch.device("cpu")
    free = free_memory(device)
    assert free > 0
    assert 0 < GraphRoom(device).limit < free
    assert not GraphRoom(device, 0).has_place(0)


# running


def test_running_is_the_tangent_of_dice_at_the_averages():
    loss, running = build("dice:smooth=1e-6"), RunningSums(steps=4)
    earlier = [torch.tensor([[3.0, 1.0], [2.0, 2.0], [9.0, 9.0]]).double() * k for k in (1, 2)]
    for sums in earlier:
        running.add(("tags", 0), sums)
        running.end_step()
    # decay 3/4: the averages weigh the last step 4/7 and the step before 3/7
    at = (3 * earlier[0] + 4 * earlier[1]) / 7
    sums = torch.tensor([[1.0, 0.0], [1.0, 0.5], [4.0, 4.0]]).double().requires_grad_()
    value = running.share(("tags", 0), sums, 1, lambda found: loss.from_sums(found))
    value.backward()
    overlap, total = sums.detach()[0], 2 * (sums.detach()[0] + sums.detach()[1])
    over, of = at[0], 2 * (at[0] + at[1])  # E is half of what the D of the formula adds to 2 I
    dice = 1 - 2 * over / of - 2 * (overlap - over) / of + 2 * over * (total - of) / of**2
    assert value.item() == pytest.approx(dice.mean().item(), rel=1e-5)
    expected = torch.autograd.functional.jacobian(loss.from_sums, at)
    torch.testing.assert_close(sums.grad, expected)


def test_running_does_not_depend_on_how_a_step_is_cut(tmp_path):
    how = {"set": "running:3"}
    whole = weights_after(tmp_path, how=how, per_device_train_batch_size=8, max_steps=5)
    cut = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4, "max_steps": 5}
    assert_same(weights_after(tmp_path, how=how, **cut), whole, 1e-5)
    other = weights_after(tmp_path, **cut)["classifier.weight"]
    assert (other - whole["classifier.weight"]).abs().max() > 1e-4


@pytest.mark.parametrize("how", ["step", "running:3"])
@pytest.mark.parametrize("restore", [True, False])
def test_a_resumed_run_has_the_weights_of_an_uninterrupted_one(tmp_path, how, restore):
    options = {"set": how, "start_loss": "ce+dice", "start_share": 0.2}
    changes = {
        "how": options,
        "dropout": 0.3,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2,
        "max_steps": 8,
        "save_strategy": "steps",
        "save_steps": 4,
        "restore_callback_states_from_checkpoint": restore,
    }
    whole = weights_after(tmp_path, **changes)
    again = trainer(tmp_path, **changes)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))
    assert_same(again.model.state_dict(), whole)


def test_averages_of_another_set_or_loss_are_not_gone_on_with(tmp_path):
    def made(how, loss="dice", restore=True):
        changes = {"max_steps": 2, "save_strategy": "steps", "save_steps": 1}
        changes["restore_callback_states_from_checkpoint"] = restore
        return trainer(tmp_path, loss=loss, how={"set": how}, **changes)

    checkpoint = str(tmp_path / "checkpoint-1")
    made("batch").train()
    late = made("running:3")
    late.train(resume_from_checkpoint=checkpoint)  # without averages they begin anew
    assert late._running._taken == 1
    made("running:3").train()
    had = "expected set 'running:3' and loss 'dice', as the checkpoint has, got "
    for how, loss, restore in (
        ("running:50", "dice", True),
        ("running:50", "dice", False),
        ("running:3", "ce+dice", True),
    ):
        with pytest.raises(InputError) as raised:
            made(how, loss, restore).train(resume_from_checkpoint=checkpoint)
        assert f"{had}set '{how}' and loss '{loss}': averages of" in str(raised.value)


# the run


def test_a_run_records_the_set_and_says_where_it_changes_nothing(tmp_path, log, capsys):
    (tmp_path / "data.conll").write_text(SENTENCES * 4, encoding="utf-8")
    data = str(tmp_path / "data.conll")
    model = tiny_bert(tmp_path / "model")
    start = ["train", "ner", "--train", data, "--dev", data, "--model", model]
    cut = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 2}
    start += [f"--set=trainer.{name}={value}" for name, value in cut.items()]
    start += ["-s", "trainer.use_cpu=true"]
    said = {}
    for loss, how in (("ce+dice", "step"), ("dice", "running:5"), ("ce", "step")):
        out = tmp_path / f"{loss}-{how}"
        assert command(*start, "--loss", loss, "--out", out, "-s", f"set={how}") == 0
        record = read_json(out / "run.json")
        assert record["config"]["set"] == how
        said[loss] = record["objective"]["set"], record["notes"]
    assert said["ce+dice"][0] == "optimizer step (1 x 2 x 2 windows)"
    assert said["dice"][0] == "running average of 5 optimizer steps (1 x 2 x 2 windows each)"
    note = "set=step changes nothing: ce is additive, the same over any set"
    assert said["ce"] == (None, [*said["ce+dice"][1], note])
    assert load_file(out / "model.safetensors")
    wrong = {
        "set=steps": "unknown set 'steps': did you mean 'step'? Valid: batch, running, step",
        "step": "expected -s KEY=VALUE, got 'step'",
    }
    for given, message in wrong.items():
        assert command(*start, "--out", tmp_path / "no", "-s", given) == 2
        assert message in " ".join(capsys.readouterr().err.split())


def test_words_of_the_set():
    assert LossSet.of("batch").words(32, 4, 2) == "batch of one process (32 windows)"
