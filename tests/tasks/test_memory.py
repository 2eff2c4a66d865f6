"""Memory of reading and encoding, for each example, beside the bytes of its file."""

import json
import random
import tracemalloc

import pytest

from dicetune.tasks import TASKS
from families import TOKENIZERS

COUNT = 1500
NAMES = ["ham", "spam", "eggs"]


def texts(draw):
    return " ".join(draw.choices(["quay", "dock", "the", "pump", "is", "down"], k=18))


def table(draw, task, quotes):
    rows = []
    for _ in range(COUNT):
        labels = draw.choices(NAMES, k=1 if task != "multilabel" else 2)
        cells = [texts(draw), *([texts(draw)] if task == "pair" else []), ",".join({*labels})]
        rows.append("\t".join(f'"{cell}"' if quotes else cell for cell in cells))
    names = ["sentence1", "sentence2", "label"] if task == "pair" else ["text", "label"]
    return "\n".join(["\t".join(names), *rows])


def objects(draw, task):
    rows = []
    for _ in range(COUNT):
        labels = draw.choices(NAMES, k=2)
        texted = {"sentence1": texts(draw), "sentence2": texts(draw)}
        texted = texted if task == "pair" else {"sentence": texts(draw)}
        rows.append(texted | {"labels": [*{*labels}] if task == "multilabel" else labels[0]})
    return "\n".join(map(json.dumps, rows))


def document(draw, indent=None):
    paragraphs = []
    for place in range(COUNT // 5):
        context, asked = f"{place} {texts(draw)} {texts(draw)}", []
        for number in range(5):
            gold = [{"text": context.split()[1], "answer_start": context.index(" ") + 1}]
            gold = gold if number else []
            asked.append({"id": f"{place}-{number}", "question": texts(draw), "answers": gold})
        paragraphs.append({"context": context, "qas": asked})
    articles = [paragraphs[at : at + 20] for at in range(0, len(paragraphs), 20)]
    data = {"data": [{"title": "Port", "paragraphs": part} for part in articles]}
    return json.dumps(data, indent=indent)


FILES = {
    **{f"{task}-tsv": (task, "tsv", lambda d, t=task: table(d, t, False))
       for task in ("text", "pair", "multilabel")},
    **{f"{task}-jsonl": (task, "jsonl", lambda d, t=task: objects(d, t))
       for task in ("text", "pair", "multilabel")},
    "text-quoted": ("text", "tsv", lambda d: table(d, "text", True)),
    "qa": ("qa", "json", document),
    "qa-indented": ("qa", "json", lambda d: document(d, 1)),
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of each kind."""
    folder = tmp_path_factory.mktemp("memory")
    for name, (_, ending, write) in FILES.items():
        (folder / f"{name}.{ending}").write_text(write(random.Random(name)), encoding="utf-8")
    return {path.stem: path for path in folder.iterdir()}


def traced(work):
    """What some work gives, and bytes for each example, at the peak and afterwards."""
    work()  # imports and caches
    tracemalloc.start()
    found = work()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return found, peak / COUNT, held / COUNT


@pytest.mark.parametrize("gold", [True, False])
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_read(files, name, gold):
    task, own = TASKS[FILES[name][0]], files[name].stat().st_size / COUNT
    data, peak, held = traced(lambda: task.read(files[name], task.Options(), gold=gold))
    assert len(data) == COUNT
    # the lines of a file that is predicted for are kept beside its texts
    assert held < (own if gold else 2 * own) + 150
    assert peak < own + (1300 if task.name == "qa" else 600)


@pytest.mark.parametrize("name", ["text-tsv", "pair-tsv", "multilabel-tsv", "qa"])
def test_windows_to_train_on(files, name):
    task = TASKS[FILES[name][0]]
    data = task.read(files[name], task.Options())
    own = task.of(data, task.Options())
    encoded, peak, held = traced(
        lambda: own.encode(data, TOKENIZERS["wordpiece"], 128, training=True)
    )
    subwords = encoded.features.lengths.mean()
    assert held < 4 * subwords + 60  # targets and masks too
    assert peak < held + 1800  # of the texts that are tokenized together
