"""Memory of the commands by the number of sentences, each in a process of its own, in one run.

The peak of a process less the peak of the same on few sentences, for each sentence more: what the
program, the model and the libraries take is no part of it. Time is shown beside it: both should
grow with the sentences. The model is a random encoder of two layers of width 32.

Usage: python benchmarks/memory.py [SENTENCES ...]
"""

import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import Row, show

SIZES = (10_000, 40_000)
FEW = 500
LIMIT = 1500  # bytes a sentence: a million in 1.5 GB
WHAT = ("read", "set-up of train", "inspect", "evaluate", "predict", "tune")


def write(path, sentences):
    """Made-up sentences of 8 to 28 words with a few entities, words as frequent as in a text."""
    draw = random.Random(sentences)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 7))) for _ in range(20_000)]
    weights = [1 / place for place in range(1, 20_001)]
    with path.open("w", encoding="utf-8") as file:
        for _ in range(sentences):
            size = draw.randint(8, 28)
            tags = ["O"] * size
            if draw.random() < 0.6:
                begin = draw.randrange(size - 2)
                tags[begin : begin + 2] = ["B-site", "I-site"]
            rows = zip(draw.choices(words, weights, k=size), tags, strict=True)
            file.write("".join(f"{word}\t{tag}\n" for word, tag in rows) + "\n")


def encoder(folder):
    """A random encoder with the tokenizer of minilm."""
    from transformers import BertConfig, BertModel

    from dicetune.models import load_tokenizer, resolve_encoder

    tokenizer = load_tokenizer(resolve_encoder("minilm"))
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def child(what, folder, sentences):
    """Do one thing, then print the peak of the process in MB and the seconds of its processors."""
    import dicetune
    from dicetune.tasks import TASKS
    from dicetune.training import RunConfig
    from dicetune.training.prepare import prepare

    file, run = folder / f"{sentences}.conll", folder / f"run-{sentences}"
    begun = time.process_time()
    if what == "read":
        kept = TASKS["ner"].read(file, TASKS["ner"].Options())
        assert len(kept) == sentences
    elif what in ("set-up of train", "train"):
        config = RunConfig(
            task="ner",
            train=str(folder / f"{FEW}.conll") if what == "train" else str(file),
            dev=str(file) if what == "train" else str(folder / f"{FEW}.conll"),
            model=str(folder / "encoder"),
            loss="ce",
            out=str(run),
            trainer={"max_steps": 1, "use_cpu": True},
            decision="argmax",
        )
        if what == "train":
            dicetune.train(config=config)
        else:
            prepare(config)
    elif what == "inspect":
        dicetune.inspect(file, model=str(folder / "encoder"))
    elif what == "evaluate":
        dicetune.evaluate(folder / f"run-{FEW}", file)
    elif what == "predict":
        out = str(folder / "predicted.conll")
        dicetune.predict(folder / f"run-{FEW}", str(file), out=out, keep=False)
    elif what == "tune":
        dicetune.tune(run)
    seconds = time.process_time() - begun
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, seconds)


def measured(what, folder, sentences):
    """Peak in MB and seconds of one thing, in a process of its own."""
    command = [sys.executable, __file__, "--child", what, str(folder), str(sentences)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    peak, seconds = map(float, done.stdout.split()[-2:])
    return peak, seconds


def main():
    """Print the rows."""
    sizes = [int(size) for size in sys.argv[1:]] or list(SIZES)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder(folder / "encoder")
        for size in (FEW, *sizes):
            write(folder / f"{size}.conll", size)
            measured("train", folder, size)
        for what in WHAT:
            base, least = measured(what, folder, FEW)
            for size in sizes:
                peak, seconds = measured(what, folder, size)
                more = (peak - base) * 2**20 / (size - FEW)
                row = Row(
                    f"{what}, {size:,} sentences ({peak - base:,.0f} MB above {base:,.0f})",
                    f"{more:,.0f} bytes each, {1e6 * (seconds - least) / (size - FEW):,.0f} µs",
                    f"limit {LIMIT:,} bytes",
                    more / LIMIT,
                    "<= 1",
                )
                print(row, file=sys.stderr, flush=True)
                rows.append(row)
    show(rows)


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
