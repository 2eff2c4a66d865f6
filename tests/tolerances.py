"""How close is close: written down once, so that no test has a number of its own.

- float64 against an oracle in float64: ``EXACT``, relative to the size of what is compared.
- any lower precision by comparison: against the truth in float64 (computed from the same rounded
  input), we may be off by what the plain formula in that precision is off, plus ``EXTRA``.
- two float32 computations of one value in another order of operations: ``SAME``.
"""

import torch

EXACT = 1e-10
EXTRA = {torch.float32: 1e-6, torch.float16: 1e-3, torch.bfloat16: 1e-2}
SAME = 1e-6


def assert_exact(got, expected):
    """Two float64 values or tensors agree to ``EXACT``."""
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(
        torch.as_tensor(got), expected, rtol=EXACT, atol=EXACT, check_dtype=True
    )


def assert_same(got, expected):
    """Two float32 results of one computation agree."""
    torch.testing.assert_close(got, expected, rtol=SAME, atol=SAME)


def assert_as_good(got, plain, truth, dtype):
    """``got`` is as near the truth as the plain formula in ``dtype``, plus ``EXTRA``."""
    ours = (got.double() - truth).abs().max()
    theirs = (plain.double() - truth).abs().nan_to_num(torch.inf).max()
    assert ours <= theirs + EXTRA[dtype], f"{ours} off the truth, the plain formula {theirs}"
