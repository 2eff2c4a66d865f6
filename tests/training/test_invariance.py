"""One step is one step: however it is cut into micro-batches and spread over processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dicetune.losses import build
from dicetune.records import RunRecord, read_json
from dicetune.tasks import TASKS
from dicetune.training import RunConfig, run
from families import save_family
from test_every_task import CASES, run_of
from tiny import tiny_bert
from training.gradient_worker import data, network, one_step

WORKER = Path(__file__).with_name("gradient_worker.py")
# without a GPU it starts the processes too, which then share the CPU
ACCELERATE = [
    *("-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1"),
    *("--num_processes", "2", "--main_process_port", "0"),
    *("--mixed_precision", "no", "--dynamo_backend", "no"),
]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
ADDITIVE = ["ce", "gce", "wce+mom+la+cb+asl+focal+0.5*dl"]
SET_LEVEL = ["dice", "dsc", "tversky", "ce+0.5*dice", "dice:classes=foreground,average=micro"]
WHOLE = [
    *((loss, {"set": "step"}) for loss in (*SET_LEVEL, "squared")),
    *((loss, {"set": "step", "hard_negatives": 0.5}) for loss in ("ce", "dice", "squared")),
    ("dice", {"set": "running"}),  # the first step takes its own sums
]
# other kinds of items, of which texts are ranked one by one and labels all together
RANKED = [
    (loss, {"options": {"set": "step", "hard_negatives": 0.5}, "kind": kind})
    for kind in ("labels", "positions")
    for loss in ("ce", "dice")
]
RUNNING = {"options": {"set": "running:2"}, "steps": 3}
# 8 texts a step, on two processes: loss, texts a micro-batch, accumulation steps, other options
SPREAD = [
    *((loss, *cut) for loss in ADDITIVE for cut in ((4, 1), (1, 4))),
    ("dice", 4, 1),
    *((loss, 1, 4, {"options": how}) for loss, how in WHOLE),
    *((loss, 1, 4, how) for loss, how in RANKED),
    *(("ce+dice", *cut, RUNNING) for cut in ((1, 4), (4, 1))),
    ("dice", 4, 1, {"options": {"set": "step"}}),
    *(
        ("ce+dice", 1, 4, {"options": {"set": "step"}, "dropout": 0.3, "room": room})
        for room in (0, 10**9)
    ),
]


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    """By task a run of one step on two processes, and the file of its configuration."""
    folder, found = tmp_path_factory.mktemp("tasks"), {}
    for name, (head, *_) in CASES.items():
        place, model = folder / name, folder / head
        if not model.exists():
            save_family("bert", head, model)
            written = model / "config.json"
            quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
            written.write_text(json.dumps(json.loads(written.read_text()) | quiet))
        place.mkdir()
        trainer = {
            "max_steps": 1,
            "per_device_train_batch_size": 1,
            "per_device_eval_batch_size": 2,
            "train_sampling_strategy": "sequential",
            "save_total_limit": 2,
        }
        config = run_of(name, place, model, set="step", trainer=trainer)
        (place / "two.yaml").write_text(config.to_yaml(), encoding="utf-8")
        found[name] = config, place / "two.yaml"
    return found


@pytest.fixture(scope="module")
def spread(tmp_path_factory, configs):
    """Each step of ``SPREAD``: its loss and gradient; makes the runs of ``configs`` too."""
    out = tmp_path_factory.mktemp("spread") / "steps.pt"
    files = [str(config_file) for _, config_file in configs.values()]
    command = [sys.executable, *ACCELERATE, str(WORKER), str(out), json.dumps(SPREAD), *files]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = torch.load(out, weights_only=True)
    named = [*map(json.dumps, SPREAD), "sharded, computed again", "sharded, kept", "pieces"]
    return dict(zip(named, found, strict=True))


def assert_same_step(part, whole, what="", within=1e-9):
    assert part["loss"] == pytest.approx(whole["loss"], rel=within), what
    for name, gradient in whole["gradient"].items():
        scale = gradient.abs().max().clamp(min=1e-12)
        assert ((part["gradient"][name] - gradient).abs().max() / scale) < within, (what, name)


@pytest.mark.parametrize("loss", ADDITIVE)
def test_loss_and_gradient_of_a_step_do_not_depend_on_how_it_is_cut(tmp_path, loss, spread):
    whole = one_step(tmp_path, loss, 8, 1)
    assert whole["loss"] > 0
    cuts = {
        "one process": one_step(tmp_path, loss, 2, 4),
        **{cut: spread[json.dumps([loss, *cut])] for cut in ((4, 1), (1, 4))},
    }
    for cut, part in cuts.items():
        assert_same_step(part, whole, cut)


@pytest.mark.parametrize(("loss", "how"), WHOLE)
def test_a_whole_step_is_one_batch_however_it_is_cut(tmp_path, loss, how, spread):
    whole = one_step(tmp_path, loss, 8, 1, {**how, "set": "batch"})
    cuts = {
        "one process": one_step(tmp_path, loss, 2, 4, how, room=0),
        "two": spread[json.dumps([loss, 1, 4, {"options": how}])],
    }
    for cut, part in cuts.items():
        assert_same_step(part, whole, cut)


@pytest.mark.parametrize(("loss", "how"), RANKED)
def test_hard_negatives_of_a_step_are_chosen_among_all(tmp_path, loss, how, spread):
    whole = one_step(tmp_path, loss, 8, 1, **how)
    cuts = {
        "one process": one_step(tmp_path, loss, 2, 4, room=0, **how),
        "two": spread[json.dumps([loss, 1, 4, how])],
    }
    for cut, part in cuts.items():
        assert_same_step(part, whole, cut)


def test_running_sums_are_those_of_the_whole_step_after_the_first_too(tmp_path, spread):
    whole = one_step(tmp_path, "ce+dice", 8, 1, **RUNNING)
    cuts = {
        "one process": one_step(tmp_path, "ce+dice", 2, 4, **RUNNING),
        **{cut: spread[json.dumps(["ce+dice", *cut, RUNNING])] for cut in ((1, 4), (4, 1))},
    }
    for cut, part in cuts.items():
        assert_same_step(part, whole, cut)


def test_room_for_graphs_changes_no_bit(tmp_path, spread):
    how = {"set": "step"}
    whole = one_step(tmp_path, "dice", 8, 1)
    assert one_step(tmp_path, "dice", 2, 4)["loss"] != pytest.approx(whole["loss"], rel=1e-3)
    assert_same_step(one_step(tmp_path, "dice", 8, 1, how), whole)
    assert_same_step(spread[json.dumps(["dice", 4, 1, {"options": how}])], whole)
    kept, again = (one_step(tmp_path, "dice", 2, 4, how, room=room) for room in (10**9, 0))
    for name, gradient in again["gradient"].items():
        assert (kept["gradient"][name] == gradient).all(), name


def one_graph(loss, random, dropout=0.3):
    """The step of 8 texts one by one in one graph, from the random state of each process."""
    model = network(dropout).train()
    texts, logits = data()[:8], {}
    for process, state in enumerate(random):
        torch.set_rng_state(state.clone())
        for number in range(process, 8, len(random)):
            text = {name: value[None] for name, value in texts[number].items() if name != "labels"}
            logits[number] = model(**text).logits[0]
    target = torch.cat([text["labels"] for text in texts])
    value = build(loss)(torch.cat([logits[number] for number in range(8)]), target)
    value.backward()
    gradient = {name: weight.grad for name, weight in model.named_parameters()}
    return {"loss": value.item(), "gradient": gradient}


def test_processes_exchange_tensors_of_any_shape_and_type(spread):
    found = [piece.tolist() for piece in spread["pieces"]]
    assert found == [[False, True], [False, True, True], [[], []], [[1.0], [1.0]]]


@pytest.mark.parametrize("how", ["computed again", "kept"])
def test_sharded_weights_have_the_gradient_of_whole_ones(how, spread):
    whole = one_graph("ce+dice", [torch.get_rng_state()], dropout=0.0)
    assert_same_step(spread[f"sharded, {how}"], whole)


def test_dropout_is_drawn_again_as_it_was(tmp_path, spread):
    changes = {"dropout": 0.3, "options": {"set": "step"}}
    for room in (0, 10**9):
        alone = one_step(tmp_path, "ce+dice", 1, 8, room=room, **changes)
        assert_same_step(alone, one_graph("ce+dice", alone["random"]), room)
        both = spread[
            json.dumps(
                ["ce+dice", 1, 4, {"options": changes["options"], "dropout": 0.3, "room": room}]
            )
        ]
        assert_same_step(both, one_graph("ce+dice", both["random"]), room)


def test_a_set_level_loss_is_the_mean_over_what_each_forward_saw(tmp_path, spread):
    # the same two sets of 4 texts, on one process one after the other and on two side by side
    accumulated = one_step(tmp_path, "dice", 4, 2)
    apart = spread[json.dumps(["dice", 4, 1])]
    assert apart["loss"] == pytest.approx(accumulated["loss"], rel=1e-9)
    for name, gradient in accumulated["gradient"].items():
        assert torch.allclose(apart["gradient"][name], gradient, rtol=1e-9, atol=1e-14), name


@pytest.mark.parametrize("name", TASKS)
def test_each_task_trains_on_two_processes_as_on_one(name, configs, spread, tmp_path):
    config, _ = configs[name]
    changes = {"out": str(tmp_path / "one"), "trainer.per_device_train_batch_size": 2}
    one = run(config.updated({**changes, "trainer.use_cpu": True}))
    two = RunRecord.load(config.out)
    assert [record.training["processes"] for record in (one, two)] == [1, 2]
    weights = [load_file(f"{folder}/model.safetensors") for folder in (config.out, changes["out"])]
    for tensor, weight in weights[1].items():
        torch.testing.assert_close(weights[0][tensor], weight, atol=1e-5, rtol=0)
    losses = [
        read_json(Path(folder, "metrics.json"))["dev"]["loss"]
        for folder in (config.out, changes["out"])
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


TEXTS = ["the pump at quay nine is down", "the queue at gate", "quay is fine and down"]


def test_two_processes_train_the_model_of_one(tmp_path):
    rows = [
        "".join(f"{word} {'B-SITE' if word == 'quay' else 'O'}\n" for word in text.split())
        for text in TEXTS * 4
    ]
    (tmp_path / "data.conll").write_text("\n".join(rows), encoding="utf-8")
    model = tiny_bert(tmp_path / "model", dropout=0.0)
    files = {"task": "ner", "train": f"{tmp_path}/data.conll", "dev": f"{tmp_path}/data.conll"}
    trainer = {"max_steps": 2, "train_sampling_strategy": "sequential"}
    chosen = RunConfig.from_mapping(
        {**files, "model": model, "loss": "ce+mom", "out": str(tmp_path / "two")}
    ).updated({"trainer": {**trainer, "per_device_train_batch_size": 3}})
    (tmp_path / "run.yaml").write_text(chosen.to_yaml(), encoding="utf-8")
    command = ["-m", "dicetune", "train", "--config", str(tmp_path / "run.yaml")]
    done = subprocess.run(
        [sys.executable, *TORCHRUN, *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("precision") == 1
    assert done.stderr.count("objective: ce+mom") + done.stdout.count("objective: ce+mom") == 1
    whole = {"out": str(tmp_path / "one"), "trainer.per_device_train_batch_size": 6}
    run(chosen.updated({**whole, "trainer.use_cpu": True}))
    assert read_json(tmp_path / "two" / "run.json")["training"]["processes"] == 2
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    start = load_file(tmp_path / "model" / "model.safetensors")
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=1e-6, rtol=0)
    assert any((start[name] != one[name]).any() for name in start)
