"""One step is one step: however it is cut into micro-batches and spread over processes."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

WORKER = Path(__file__).with_name("gradient_worker.py")
# 8 texts a step, cut in four ways: (processes, texts a micro-batch, accumulation steps)
WHOLE, CUTS = (1, 8, 1), [(1, 2, 4), (2, 4, 1), (2, 1, 4)]


def step(tmp_path, loss, processes, batch, accumulation):
    out = tmp_path / f"{processes}-{batch}-{accumulation}.pt"
    launch = [sys.executable]
    if processes > 1:
        launch += [
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc_per_node",
            str(processes),
        ]
    command = [*launch, str(WORKER), str(out), loss, str(batch), str(accumulation)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(out, weights_only=True)


@pytest.mark.parametrize("loss", ["ce", "wce+mom+la+cb+asl+focal+0.5*dl"])
def test_loss_and_gradient_of_a_step_do_not_depend_on_how_it_is_cut(tmp_path, loss):
    whole = step(tmp_path, loss, *WHOLE)
    assert whole["loss"] > 0
    for cut in CUTS:
        part = step(tmp_path, loss, *cut)
        assert part["loss"] == pytest.approx(whole["loss"], rel=1e-9), cut
        for name, gradient in whole["gradient"].items():
            scale = gradient.abs().max().clamp(min=1e-12)
            assert ((part["gradient"][name] - gradient).abs().max() / scale) < 1e-9, (cut, name)


def test_a_set_level_loss_is_the_mean_over_what_each_forward_saw(tmp_path):
    # the same two sets of 4 texts, on one process one after the other and on two side by side
    accumulated = step(tmp_path, "dice", 1, 4, 2)
    spread = step(tmp_path, "dice", 2, 4, 1)
    assert spread["loss"] == pytest.approx(accumulated["loss"], rel=1e-9)
    for name, gradient in accumulated["gradient"].items():
        assert torch.allclose(spread["gradient"][name], gradient, rtol=1e-9, atol=1e-14), name
