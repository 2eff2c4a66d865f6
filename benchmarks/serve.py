"""The HTTP service under load: p50 and p99 of a request at 1, 8 and 64 clients.

Usage: python benchmarks/serve.py [--requests 512] [--onnx]

A `minilm` encoder with a random head for `ner` is served by `dicetune serve` in a process of its
own, by torch or, with `--onnx`, exported. Each client sends one sentence of the packaged sample
after the other; times are of the clock. The alternative is one text alone in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

from dicetune.models import load_model, load_tokenizer, resolve_encoder
from dicetune.predictor import load
from dicetune.tasks import TASKS
from dicetune.tuning import export
from predict import sample_texts
from table import Row, seconds_text, show

COMMAND = "from dicetune.cli import main; main()"
CLIENTS = (1, 8, 64)
PORT = 8765
URL = f"http://127.0.0.1:{PORT}"


async def asked(texts: list[str], clients: int) -> list[float]:
    """Seconds of each request."""
    left, times = list(texts), []
    async with httpx.AsyncClient(base_url=URL, timeout=120) as client:

        async def work() -> None:
            while left:
                text, begun = left.pop(), time.perf_counter()
                (await client.post("/predict", json={"text": text})).raise_for_status()
                times.append(time.perf_counter() - begun)

        await asyncio.gather(*(work() for _ in range(clients)))
    return times


def wait_for(server: subprocess.Popen[bytes]) -> None:
    """Until the service answers."""
    while True:
        try:
            httpx.get(f"{URL}/health")
            return
        except httpx.HTTPError:
            if server.poll() is not None:
                raise SystemExit("the service ended") from None
            time.sleep(0.2)


def main() -> None:
    """Measure each number of clients."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=512)
    parser.add_argument("--onnx", action="store_true")
    options = parser.parse_args()
    texts, rows = sample_texts(options.requests), []
    with tempfile.TemporaryDirectory() as name:
        place, source = Path(name) / "model", resolve_encoder("minilm")
        labels = ["O", "B-SITE", "I-SITE"]
        load_model(TASKS["ner"].auto_class, source, labels).save_pretrained(place)
        load_tokenizer(source).save_pretrained(place)
        if options.onnx:
            export(place, to="onnx", out=Path(name) / "onnx", task="ner")
            place = Path(name) / "onnx"
        model, alone = load(place, task="ner"), []
        for text in texts[:64]:
            begun = time.perf_counter()
            model(text)
            alone.append(time.perf_counter() - begun)
        one = statistics.median(alone)
        command = [sys.executable, "-c", COMMAND, "serve", str(place), "--port", str(PORT)]
        with subprocess.Popen([*command, "--task", "ner"], env=os.environ) as server:
            try:
                wait_for(server)
                for clients in CLIENTS:
                    begun = time.perf_counter()
                    times = asyncio.run(asked(texts, clients))
                    rate = len(times) / (time.perf_counter() - begun)
                    middle, far = np.quantile(times, [0.5, 0.99])
                    ours = f"p50 {seconds_text(middle)}, p99 {seconds_text(far)}, {rate:.0f} a s"
                    against = f"one text alone, in process {seconds_text(one)}"
                    how = "onnx" if options.onnx else "torch"
                    title = f"serve by {how}, {clients} clients"
                    rows.append(Row(title, ours, against, middle / one))
            finally:
                server.terminate()
    show(rows)


if __name__ == "__main__":
    main()
