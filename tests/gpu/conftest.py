"""The device of these tests: a GPU, or with DICETUNE_GPU_TESTS=cpu what a CPU can do of them."""

import os
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture
def device():
    """The device to test on."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if os.environ.get("DICETUNE_GPU_TESTS") == "cpu":
        return torch.device("cpu")
    pytest.skip("there is no CUDA device; DICETUNE_GPU_TESTS=cpu runs what a CPU can do")


@pytest.fixture
def gpu(device):
    """The device, where only a GPU will do."""
    if device.type == "cpu":
        pytest.skip("this needs a CUDA device")
    return device
