"""Parts of a file: dealt by strata, whole blocks, and written as the file was."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicetune.data import read_tokens
from dicetune.data.split import blocks_of, deal_out, read_shares
from dicetune.errors import InputError
from dicetune.tasks import TASKS, build_options
from dicetune.tasks.split import split_file

SHARES = (0.6, 0.2, 0.2)


def text_of(path):
    return Path(path).read_bytes().decode()


@pytest.mark.parametrize("text", ["80/10", "8/1/1", "70/15/15"])
def test_shares_sum_to_one(text):
    assert sum(read_shares(text)) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", "80", "80/0/20", "1/2/3/4", "a/b", "-1/2", "inf/1"])
def test_other_shares_are_refused(text):
    with pytest.raises(InputError, match="expected shares of train, dev and test such as 80/10/10"):
        read_shares(text)


labels = st.lists(
    st.lists(st.sampled_from("abc"), max_size=3, unique=True), min_size=1, max_size=60
)


@given(labels, st.integers(0, 9))
def test_single_examples_of_one_label_are_dealt_exactly(rows, seed):
    rows = [row[:1] for row in rows]
    parts = deal_out(rows, np.arange(len(rows)), SHARES, seed)
    for label in "abc":
        held = [part for part, row in zip(parts, rows, strict=True) if label in row]
        off = np.bincount(held, minlength=3) - np.array(SHARES) * len(held)
        assert np.abs(off).max() < 1
    assert (parts == deal_out(rows, np.arange(len(rows)), SHARES, seed)).all()


@given(labels, st.integers(0, 9), st.data())
def test_a_block_is_never_cut(rows, seed, data):
    names = data.draw(st.lists(st.integers(0, 5), min_size=len(rows), max_size=len(rows)))
    blocks = blocks_of([[name] for name in names])
    parts = deal_out(rows, blocks, SHARES, seed)
    assert len({*zip(names, parts.tolist(), strict=True)}) == len({*names})


def test_several_labels_are_closer_than_by_chance():
    """Twenty labels, the rarest with 20 of 2,000 texts; chance misses some test share by a lot."""
    chance = np.random.default_rng(3)
    shares = np.geomspace(0.01, 0.5, 20)
    marks = chance.random((2000, 20)) < shares
    rows = [[str(label) for label in np.flatnonzero(row)] for row in marks]

    def worst(parts):
        found = np.array([marks[parts == part].sum(0) for part in range(3)])
        return np.abs(found - np.array(SHARES)[:, None] * marks.sum(0)).max()

    assert worst(deal_out(rows, np.arange(2000), SHARES, 1)) < 2
    assert worst(chance.choice(3, 2000, p=SHARES)) > 10


# files


CSV = "id,text,label\r\n" + "".join(
    f'{n},"line {n}\nof ""two""",{"ab"[n % 2]}\r\n' for n in range(20)
)
CONLL = "".join(
    f"-DOCSTART- O\n\n# one of {n}\nQuay B-SITE\n{n} I-SITE\n\n# two of {n}\nall O\nquiet{n} O\n\n"
    for n in range(10)
)
CONLLU = "".join(
    f"# newdoc id = {n}\n# sent_id = {n}\n1\tpump\t_\t{tag}\t_\t_\t_\t_\t_\t_\n"
    f"2\t{n}\t_\tNUM\t_\t_\t_\t_\t_\t_\n\n"
    for n, tag in enumerate(["NOUN", "VERB"] * 8)
)
TREES = "".join(f"({n % 5} (2 It) (2 n{n}))\n" for n in range(20))
SQUAD = {
    "version": "1",
    "data": [
        {
            "title": f"t{n}",
            "paragraphs": [
                {
                    "context": f"Quay {n} is down.",
                    "qas": [
                        {"id": f"{n}.{k}", "question": "Which?", "answers": answers}
                        for k, answers in enumerate(([{"text": str(n), "answer_start": 5}], []))
                    ],
                }
            ],
        }
        for n in range(8)
    ],
}
MRC = [
    {
        "qas_id": f"{n}.{k}",
        "context": f"Quay {n} is down",
        "entity_label": kind,
        "query": f"find {kind}",
        "impossible": k == 1,
        "start_position": [0] if k == 0 else [],
        "end_position": [1] if k == 0 else [],
        "span_position": ["0;1"] if k == 0 else [],
    }
    for k, kind in ((0, "SITE"), (1, "SHIP"))
    for n in range(10)
]
ROWS = [{"text": f"text {n}", "label": "ab"[n % 2], "more": n} for n in range(20)]


@pytest.mark.parametrize(
    ("task", "name", "content"),
    [
        ("text", "a.csv", CSV),
        ("text", "a.csv", "\ufeff" + CSV),
        ("text", "a.jsonl", ROWS),
        ("text", "a.txt", TREES),
        ("ner", "a.conll", CONLL),
        ("mrc-ner", "a.conll", CONLL),
        ("pos", "a.conllu", CONLLU),
        ("qa", "a.json", SQUAD),
        ("mrc-ner", "a.json", MRC),
        ("mrc-ner", "a.jsonl", MRC),
    ],
)
def test_the_parts_hold_the_examples_of_the_file_as_they_are(file, tmp_path, task, name, content):
    path, task = file(content, name), TASKS[task]
    split = split_file(task, path, tmp_path / "out", SHARES)
    options = task.Options()

    def examples(paths):
        corpora = [task.read(path, options) for path in paths]
        rows = [
            (corpus.ties_of(e)[0], corpus.strata_of(e), e.id) for corpus in corpora for e in corpus
        ]
        return Counter(str(row[:2]) if task.name == "ner" else str(row) for row in rows)

    assert [*split.files] == ["train", "dev", "test"]
    if task.document_name == "title" or name.endswith(".conll"):  # numbered where there is no id
        assert sum(examples(split.files.values()).values()) == sum(examples([path]).values())
    else:
        assert examples(split.files.values()) == examples([path])
    assert {path.rpartition(".")[2] for path in split.files.values()} == {name.rpartition(".")[2]}
    if isinstance(content, str):  # no line is lost, none is changed
        found = Counter("".join(text_of(p) for p in split.files.values()).split("\n"))
        source = Counter(content.removeprefix("\ufeff").split("\n"))
        assert found.keys() == source.keys()
        assert not source - found


def test_documents_and_comments_stay_with_their_sentences(file, tmp_path):
    split = split_file(TASKS["ner"], file(CONLL, "a.conll"), tmp_path / "out", SHARES)
    for path in split.files.values():
        blocks = text_of(path).split("-DOCSTART- O\n\n")
        assert blocks[0] == ""
        for block in blocks[1:]:
            number = block.partition("# one of ")[2].partition("\n")[0]
            assert f"# two of {number}\nall O\nquiet{number} O" in block
    assert len([*read_tokens(split.files["test"])]) == 4


@pytest.mark.parametrize("name", ["a.parquet", "a.xlsx"])
def test_rows_of_binary_tables_keep_their_columns(tmp_path, name):
    frame, path = pandas.DataFrame(ROWS), tmp_path / name
    kinds = {"a.parquet": (frame.to_parquet, pandas.read_parquet)}
    write, read = kinds.get(name, (lambda p: frame.to_excel(p, index=False), pandas.read_excel))
    write(path)
    split = split_file(TASKS["text"], path, tmp_path / "out", SHARES)
    parts = pandas.concat([read(part) for part in split.files.values()])
    assert parts.sort_values("more").to_dict("records") == ROWS
    assert {*parts.dtypes.astype(str)} == {*read(path).dtypes.astype(str)}


def test_a_named_sheet_is_split_alone(tmp_path):
    frame, path = pandas.DataFrame(ROWS), tmp_path / "a.xlsx"
    with pandas.ExcelWriter(path) as book:
        frame[:1].to_excel(book, sheet_name="other", index=False)
        frame.to_excel(book, sheet_name="rows", index=False)
    split = split_file(TASKS["text"], f"{path}#rows", tmp_path / "out", SHARES)
    parts = pandas.concat([pandas.read_excel(part) for part in split.files.values()])
    assert parts.sort_values("more").to_dict("records") == ROWS
    with pytest.raises(InputError, match="expected the same split"):
        split_file(TASKS["text"], f"{path}#other", tmp_path / "out", SHARES)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_column_keeps_rows_together(tmp_path, file, kind):
    rows = [{"text": f"text {n}", "label": "ab"[n % 2], "user": f"u{n % 7}"} for n in range(70)]
    if kind == "csv":
        path = tmp_path / "a.csv"
        pandas.DataFrame(rows).to_csv(path, index=False)
    else:
        path = file(rows, "a.jsonl")
    split = split_file(TASKS["text"], path, tmp_path / "out", SHARES, group="user")
    users = [{*re.findall(r"\bu\d", text_of(part))} for part in split.files.values()]
    assert sum(map(len, users)) == len(set().union(*users)) == 7
    with pytest.raises(InputError, match=r"users"):
        split_file(TASKS["text"], path, tmp_path / "other", SHARES, group="users")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_rows_without_a_group_stand_alone(tmp_path, file, kind):
    rows = [
        {"text": f"text {n}", "label": "ab"[n % 2], "user": None if n > 20 else f"u{n % 2}"}
        for n in range(100)
    ]
    if kind == "csv":
        path = tmp_path / "a.csv"
        pandas.DataFrame(rows).to_csv(path, index=False)
    else:
        path = file(rows, "a.jsonl")
    split = split_file(TASKS["text"], path, tmp_path / "out", SHARES, group="user")
    assert "79 rows have no user, and are in no group" in split.record["notes"]
    sizes = [len(re.findall(r"text \d", text_of(part))) for part in split.files.values()]
    assert sizes == pytest.approx([60, 20, 20], abs=5)


def test_the_same_request_finds_its_parts_and_another_is_refused(file, tmp_path):
    path, out = file(CSV, "a.csv"), tmp_path / "out"
    first = split_file(TASKS["text"], path, out, SHARES)
    (out / "dev.csv").touch()
    assert split_file(TASKS["text"], path, out, SHARES).record == first.record
    assert json.loads((out / "split.json").read_text())["shares"] == [0.6, 0.2, 0.2]
    with pytest.raises(
        InputError, match=r"expected the same split .* got another seed: give --overwrite"
    ):
        split_file(TASKS["text"], path, out, SHARES, seed=2)
    (out / "dev.csv").write_text("changed")
    with pytest.raises(InputError, match="got parts that were changed since"):
        split_file(TASKS["text"], path, out, SHARES)
    again = split_file(TASKS["text"], path, out, SHARES, overwrite=True)
    assert again.is_whole()


def test_too_few_blocks_are_refused(file, tmp_path):
    path = file("text,label\n" + "same,a\n" * 5 + "other,b\n" * 5, "a.csv")
    with pytest.raises(InputError, match="got none for"):
        split_file(TASKS["text"], path, tmp_path / "out", SHARES)
    assert not (tmp_path / "out").exists()


def test_parts_that_would_be_read_in_another_way_are_refused(file, tmp_path):
    """One stray quote says that quotes are text; a part without it would lose its quotes."""
    rows = "".join(f'"text {n}"\t{"ab"[n % 2]}\n' for n in range(20))
    path, task, out = file(rows + '"stray\ta\n', "a.tsv"), TASKS["text"], tmp_path / "out"
    with pytest.raises(InputError, match="expected parts that are read like the whole file"):
        split_file(task, path, out, SHARES)
    options = build_options(task.Options, {"quoting": "off"}, use="train")
    split = split_file(task, path, out, SHARES, options=options)
    texts = [e.text for p in split.files.values() for e in task.read(p, options)]
    assert '"text 3"' in texts
    assert len(texts) == 21


# published files


def test_equal_texts_of_sms_spam_are_on_one_side(real_data, tmp_path):
    task = TASKS["text"]
    split = split_file(
        task, real_data("sms_spam/SMSSpamCollection"), tmp_path / "out", (0.8, 0.1, 0.1)
    )
    texts = [
        {example.text for example in task.read(p, task.Options())} for p in split.files.values()
    ]
    assert sum(map(len, texts)) == len(set().union(*texts)) == 5574 - 403
    assert split.record["labels"] == {
        "ham": {"train": 3861, "dev": 483, "test": 483},
        "spam": {"train": 597, "dev": 75, "test": 75},
    }


def test_quotes_of_mrpc_are_no_trap(real_data, tmp_path):
    task, path = TASKS["pair"], real_data("mrpc/msr_paraphrase_train.txt")
    split = split_file(task, path, tmp_path / "out", (0.8, 0.1, 0.1))
    sizes = [len(task.read(p, task.Options())) for p in split.files.values()]
    assert (sizes, sum(sizes)) == ([3262, 407, 407], 4076)


def test_every_label_of_goemotions_has_its_share(real_data, tmp_path):
    task, names = TASKS["multilabel"], str(real_data("goemotions/labels.txt"))
    options = build_options(task.Options, {"label_names": names}, use="train")
    split = split_file(
        task, real_data("goemotions/dev.tsv"), tmp_path / "out", (0.5, 0.25, 0.25), options=options
    )
    for counts in split.record["labels"].values():
        total = sum(counts.values())
        assert abs(counts["train"] - total / 2) <= max(2, 0.02 * total)
