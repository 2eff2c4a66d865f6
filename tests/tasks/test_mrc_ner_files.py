"""Text in which entities are to be found: told by its content, from files and the input stream."""

import io
import json

import pytest
from datasets import Dataset

from dicetune.errors import DataError, InputError
from dicetune.tasks.mrc_ner import MrcNerOptions, MrcNerTask

WORDS = ("Pump", "at", "Bonn", ".")
QUESTION = {"context": " ".join(WORDS), "entity_label": "site", "query": "Where?", "qas_id": "0.1"}


@pytest.fixture(params=["stream", "file"])
def read(request, tmp_path, monkeypatch):
    """Function from a text, in a file or on the input stream, to what the task reads of it."""

    def run(text, format="auto", **options):
        path = tmp_path / "in.data"
        if request.param == "file":
            path.write_text(text, encoding="utf-8")
        else:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
            path = "-"
        chosen = MrcNerOptions(**options)
        return MrcNerTask.read(path, chosen, gold=False, format=format)

    return run


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([QUESTION]),
        json.dumps([QUESTION], indent=2),
        json.dumps(QUESTION) + "\n",
        json.dumps({"tokens": WORDS, "entities": []}) + "\n",
        json.dumps({"tokens": WORDS}) + "\n",
        "".join(f"{word}\tO\n" for word in WORDS),
        "Pump at Bonn.\n",
    ],
)
def test_the_format_is_told_by_the_content(read, text):
    corpus = read(text)
    assert [s.tokens for s in corpus] == [WORDS]
    assert not corpus.has_gold


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ('[{"context": "Pump at Bonn ."}]', "mrc"),
        (json.dumps({"tokens": WORDS, "entities": []}), "entities"),
        ("Pump\tO\nat\tO\nBonn\tO\n.\tO\n", "conll"),
        ("Pump at Bonn.", "text"),
    ],
)
def test_the_format_may_be_named(read, text, format):
    assert [s.tokens for s in read(text, format)] == [WORDS]


def test_columns_that_mean_nothing_are_refused(read):
    with pytest.raises(InputError, match=r"no token_column for questions of the MRC .* got 0"):
        read(json.dumps([QUESTION]), token_column=0)
    with pytest.raises(InputError, match="expected no token_column for plain text, which has no c"):
        read("Pump at Bonn.\n", token_column=0)


def test_bad_input(read):
    with pytest.raises(InputError, match="unknown input format 'mcr': did you mean 'mrc'"):
        read("[]", "mcr")
    with pytest.raises(DataError, match="expected text under 'context', got nothing"):
        read(json.dumps([{"query": "Where?"}]))
    with pytest.raises(DataError, match="expected text, got an empty file"):
        read("\n")


def test_a_data_set(tmp_path):
    Dataset.from_dict({"tokens": [list(WORDS)]}).save_to_disk(tmp_path / "set")
    for format in ("auto", "hub"):
        corpus = MrcNerTask.read(tmp_path / "set", MrcNerOptions(), gold=False, format=format)
        assert corpus.sentences[0].tokens == WORDS
    with pytest.raises(DataError, match="no such file"):
        MrcNerTask.read(tmp_path / "absent", MrcNerOptions(), gold=False)
