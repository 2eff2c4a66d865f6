"""Memory of the commands by the number of examples, each in a process of its own, in one run.

The peak of a process less the peak of the same on few examples, for each example more: what the
program, the model and the libraries take is no part of it. Time is shown beside it: both should
grow with the examples. The model is a random encoder of two layers of width 32. Examples are
sentences (ner), texts (text) or questions of which six share a context (qa).

Usage: python benchmarks/memory.py [--task ner|text|qa ...] [EXAMPLES ...]
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path

from table import Row, show

SIZES = (10_000, 40_000)
FEW = 500
LIMIT = 1500  # bytes an example beside its own text: a million in 1.5 GB
WHAT = ("read", "set-up of train", "inspect", "evaluate", "predict", "tune")
ASKED = 6  # questions of a context


def texts(draw, count, least, most):
    """Made-up texts of some words, as frequent as in a text."""
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 7))) for _ in range(20_000)]
    weights = list(accumulate(1 / place for place in range(1, 20_001)))
    for _ in range(count):
        yield draw.choices(words, cum_weights=weights, k=draw.randint(least, most))


def write_tagged(file, draw, count):
    """Sentences with a few entities."""
    for words in texts(draw, count, 8, 28):
        tags = ["O"] * len(words)
        if draw.random() < 0.6:
            begin = draw.randrange(len(words) - 2)
            tags[begin : begin + 2] = ["B-site", "I-site"]
        rows = zip(words, tags, strict=True)
        file.write("".join(f"{word}\t{tag}\n" for word, tag in rows) + "\n")


def write_labelled(file, draw, count):
    """Texts with one of two labels, below a header."""
    file.write("text\tlabel\n")
    for words in texts(draw, count, 8, 28):
        file.write(f"{' '.join(words)}\t{draw.choice(['ham', 'ham', 'ham', 'spam'])}\n")


def write_asked(file, draw, count):
    """Questions as SQuAD 2.0 has them, one in six without an answer."""
    paragraphs = []
    for number, words in enumerate(texts(draw, -(-count // ASKED), 40, 120)):
        context, asked = " ".join(words), []
        for place in range(min(ASKED, count - number * ASKED)):
            begin = draw.randrange(len(words) - 2)
            answer = " ".join(words[begin : begin + 2])
            start = len(" ".join(words[:begin])) + (begin > 0)
            gold = [{"text": answer, "answer_start": start}] if place else []
            question = " ".join(draw.choices(words, k=8))
            asked.append({"id": f"{number:07}-{place}", "question": question, "answers": gold})
        paragraphs.append({"context": context, "qas": asked})
    articles = (paragraphs[at : at + 40] for at in range(0, len(paragraphs), 40))
    json.dump({"data": [{"title": "made up", "paragraphs": part} for part in articles]}, file)


TASKS = {"ner": write_tagged, "text": write_labelled, "qa": write_asked}


def file_of(folder, task, count):
    """The file of some examples."""
    return folder / f"{count}.{'json' if task == 'qa' else 'tsv'}"


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


def child(what, task, folder, count):
    """Do one thing, then print the peak of the process in MB and the seconds of its processors."""
    import dicetune
    from dicetune.tasks import task_named
    from dicetune.training import RunConfig
    from dicetune.training.prepare import prepare

    file, few = file_of(folder, task, count), file_of(folder, task, FEW)
    run = folder / f"run-{count}"
    begun = time.process_time()
    if what == "read":
        kept = task_named(task).read(file, task_named(task).Options())
        assert len(kept) == count
    elif what in ("set-up of train", "train"):
        config = RunConfig(
            task=task,
            train=str(few if what == "train" else file),
            dev=str(file if what == "train" else few),
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
        dicetune.inspect(file, task=task, model=str(folder / "encoder"))
    elif what == "evaluate":
        dicetune.evaluate(folder / f"run-{FEW}", file)
    elif what == "predict":
        dicetune.predict(folder / f"run-{FEW}", str(file), out=str(folder / "out"), keep=False)
    elif what == "tune":
        dicetune.tune(run)
    seconds = time.process_time() - begun
    # the peak that ``resource`` knows begins at that of the process that started this one
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1024, seconds)


def measured(what, task, folder, count):
    """Peak in MB and seconds of one thing, in a process of its own."""
    command = [sys.executable, __file__, "--child", what, task, str(folder), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    peak, seconds = map(float, done.stdout.split()[-2:])
    return peak, seconds


def rows_of(task, counts):
    """The rows of a task."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder(folder / "encoder")
        for count in (FEW, *counts):
            with file_of(folder, task, count).open("w", encoding="utf-8") as file:
                TASKS[task](file, random.Random(count), count)
            measured("train", task, folder, count)
        for what in WHAT:
            base, least = measured(what, task, folder, FEW)
            for count in counts:
                peak, seconds = measured(what, task, folder, count)
                more = (peak - base) * 2**20 / (count - FEW)
                own = file_of(folder, task, count).stat().st_size / count
                row = Row(
                    f"{task}: {what}, {count:,} ({peak - base:,.0f} MB above {base:,.0f})",
                    f"{more:,.0f} bytes each, {1e6 * (seconds - least) / (count - FEW):,.0f} µs",
                    f"limit {LIMIT:,} bytes beside its own {own:,.0f}",
                    more / (LIMIT + own),
                    "<= 1",
                )
                print(row, file=sys.stderr, flush=True)
                yield row


def main():
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=TASKS, action="append", help="by default ner")
    parser.add_argument("counts", metavar="EXAMPLES", type=int, nargs="*", default=SIZES)
    asked = parser.parse_args()
    show([row for task in asked.task or ["ner"] for row in rows_of(task, asked.counts)])


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(sys.argv[2], sys.argv[3], Path(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
