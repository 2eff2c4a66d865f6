"""``read_texts``: layouts, columns, labels, and what is refused."""

import pytest

from dicetune.data import TextColumns, TextLayout, read_texts
from dicetune.errors import DataError, InputError

NAME = "a.txt"
PAIRS = TextLayout(pair=True)


def rows(corpus):
    return [(*example.texts, *(example.labels or ())) for example in corpus]


def layout(corpus):
    return corpus.notes[0].rule, corpus.notes[0].count


def test_by_hand(file):
    corpus = read_texts(file("ham\tOk lar, see you\nspam\tWin a prize\nham\tOn my way\n"))
    assert rows(corpus) == [
        ("Ok lar, see you", "ham"),
        ("Win a prize", "spam"),
        ("On my way", "ham"),
    ]
    assert [example.line for example in corpus] == [1, 2, 3]
    assert layout(corpus) == (
        "rows read as tsv without header, quoting off; text in 1, label in 0",
        3,
    )
    assert (corpus.label_names, len(corpus.first(2))) == (["ham", "spam"], 2)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_layout_of_mrpc(file, start, end):
    text = 'Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tHe said "a\tHe said b"\n'
    corpus = read_texts(file((start + text).replace("\n", end)), PAIRS)
    assert rows(corpus) == [('He said "a', 'He said b"', "1")]
    assert (corpus.examples[0].line, layout(corpus)[1]) == (2, 1)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        # QQP, PAWS with and without header, headerless with the label first, CSV
        (
            "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n0\t1\t2\tWhy ?\tHow ?\t0\n",
            "q.tsv",
            ("Why ?", "How ?", "0"),
        ),
        ("id\tsentence1\tsentence2\tlabel\n1\ta b\tb a\t1\n", "p.tsv", ("a b", "b a", "1")),
        (
            "1\tone long text\tone other text\t0\n2\tmore of it\tand of that\t0\n",
            "p",
            ("one long text", "one other text", "0"),
        ),
        ('text_a,text_b,label\n"a, b",c,1\n', "a.csv", ("a, b", "c", "1")),
        ("premise;hypothesis;gold_label\na, b;c;neutral\n", "a.csv", ("a, b", "c", "neutral")),
    ],
)
def test_layouts_of_pairs(file, text, name, expected):
    assert rows(read_texts(file(text, name), PAIRS))[0] == expected


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("sentence\tlabel\nfine film\t1\n", "train.tsv", ("fine film", "1")),
        ("text,label\nfine film,1\n", "a.csv", ("fine film", "1")),
        ("text,label\nfine film,1\n", "a", ("fine film", "1")),
        (
            '{"label": "102", "label_desc": "news", "sentence": "a", "keywords": ""}\n',
            "a",
            ("a", "102"),
        ),
        ('{"text": "a", "label": 3, "id": 7}\n', "a.jsonl", ("a", "3")),
        ('{"text": "a", "gold": "x", "predicted": "y"}\n', "a.jsonl", ("a", "x")),
        ("(3 (2 It) (4 (2 's) (4 -LRB-)))\n", "a", ("It 's (", "3")),
    ],
)
def test_layouts_of_texts(file, text, name, expected):
    assert rows(read_texts(file(text, name)))[0] == expected


def test_chosen_columns(file):
    path = file("v1,v2,note\nham,short,a longer note\nspam,text,an even longer note\n", "spam.csv")
    names = TextLayout(TextColumns(text="v2", label="v1"))
    assert rows(read_texts(path, names)) == [("short", "ham"), ("text", "spam")]
    numbers = TextLayout(TextColumns(text=1, label="0"), header="on")
    assert rows(read_texts(path, numbers)) == [("short", "ham"), ("text", "spam")]
    numbers = TextLayout(TextColumns(text=1, label=0), header="off")
    assert rows(read_texts(path, numbers))[0] == ("v2", "v1")


def test_a_label_of_the_first_row_alone_is_doubted(file):
    text = "mood,body of it\n" + "good,a text of words\nbad,some more of them\n" * 2
    corpus = read_texts(file(text, "a.csv"))
    assert corpus.notes[1].rule.startswith("label 'mood' is on the first row alone: header=on")


def test_a_known_name_that_comes_again_is_no_header(file):
    corpus = read_texts(file("question\tWho was it then ?\nquestion\tWhy ?\nremark\tI see now\n"))
    assert len(corpus) == 3


def test_labels_by_name(file):
    names = file("joy\nanger\nfear\n", "labels.txt")
    path = file("some text here\t0,2\tx1\nand more of it\t2\tx2\nthe third one\t2\tx3\n", "a.tsv")
    corpus = read_texts(path, several=True, label_names=names)
    assert [example.labels for example in corpus] == [("joy", "fear"), ("fear",), ("fear",)]
    assert corpus.label_names == ["joy", "anger", "fear"]
    assert dict(corpus.label_counts) == {"joy": 1, "fear": 3}


@pytest.mark.parametrize(
    ("value", "labels", "note"),
    [
        ('["a", "b"]', ("a", "b"), None),
        ('"a, b"', ("a", "b"), "labels joined by ',': parted (separator=none keeps them whole)"),
        ("[1, 2]", ("1", "2"), None),
        ("[]", (), "rows without any label: kept"),
        ('""', (), "rows without any label: kept"),
        ('["a", "a"]', ("a",), "labels named twice in one row: counted once"),
    ],
)
def test_several_labels_in_json(file, value, labels, note):
    corpus = read_texts(file(f'{{"text": "x", "labels": {value}}}\n'), several=True)
    assert corpus.examples[0].labels == labels
    assert [n.rule for n in corpus.notes[1:]] == ([note] if note else [])


def test_binary_trees_leave_neutral_sentences_out_and_count_them(file):
    path = file("(3 (2 It) (4 fun))\n(2 (2 A) (2 b))\n(0 (1 no) (1 fun))\n")
    corpus = read_texts(path, classes="binary")
    assert rows(corpus) == [("It fun", "positive"), ("no fun", "negative")]
    assert (corpus.notes[0].count, corpus.notes[0].places[0][-2:]) == (1, ":2")
    assert len(read_texts(path, TextLayout(gold=False), classes="binary")) == 3


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("one\n\nthree\u2028still three\n", "a.txt", ["one", "", "three\u2028still three"]),
        ("text,label\none,\n", "a.csv", ["one"]),
        ("ham\tone long text\nspam\tanother text\n", "a", ["one long text", "another text"]),
        ("with a\ttab\nand without\n", "a", ["with a\ttab", "and without"]),
        ('{"text": ""}\n', "a.jsonl", [""]),
    ],
)
def test_texts_to_be_labelled(file, text, name, expected):
    corpus = read_texts(file(text, name), TextLayout(gold=False))
    assert [example.text for example in corpus] == expected
    assert all(example.labels is None for example in corpus)


@pytest.mark.parametrize(
    ("text", "name", "line", "message"),
    [
        ("sentence\tlabel\na\t1\nb\t1\tc\n", "a.tsv", 3, "expected 2 cells.*got 3"),
        ("sentence\tlabel\na\t1\n\t1\n", "a.tsv", 3, "expected a text, got an empty one.*drop"),
        ("sentence\tlabel\na\t1\nb\t\n", "a.tsv", 3, "expected a label, got an empty one"),
        ("sentence\tmood\na\t1\nb\t0\n", "a.tsv", 1, "column for the label .*got sentence, mood"),
        ("text,label\n", "a.csv", None, "rows below the header"),
        ("one text\nanother\n", "a.txt", 1, "the format cannot be told"),
        ("one text\nanother\n", "a.tsv", None, "at least 2 columns .text and label., got 1"),
        ("some text\ta\tx\nmore text\tb\ty\n", "a.tsv", None, "cannot be told.*label_column=N"),
        ('{"text": "a", "label": "x"}\n{"text": "b"}\n', "a", 2, "the key 'label'"),
        ('{"text": "a", "label": "x"}\n{"text": 3, "label": "x"}\n', "a", 2, "a text, got 3"),
        ('{"text": "a", "label": 0.5}\n', "a", 1, "a label as text or a whole number, got 0.5"),
        ('{"text": "a", "label": [3]}\n', "a", 1, "a label as text or a whole number"),
        ('{"text": "a", "label": ["x", "y"]}\n', "a", 1, "one label, got 'x' and 'y'.*multilabel"),
        ('{"text": "\\ud800", "label": "x"}\n', "a", 1, "half a surrogate"),
        ('{"text": "a", "label": "x"}\n{"text":\n', "a", 2, "no JSON"),
        ('{"body": "a", "label": "x"}\n', "a", 1, "column for the text .*got body, label"),
        ("(3 (2 a) (2 b))\n(7 (2 a) (2 b))\n", "a", 2, "root label from 0 to 4.*'7'"),
        ("(3 (2 a) (2 b)\n", "a", 1, "end of the file"),
        ("sentence\tlabel\n\u00a0\t1\n", "a.tsv", 2, "an empty one"),
    ],
)
def test_bad_input(file, text, name, line, message):
    with pytest.raises(DataError, match=message) as caught:
        read_texts(file(text, name))
    assert caught.value.line == line


def test_bad_choices(file, tmp_path):
    path = file("some text\tham\nmore text\tham\nthe rest\tspam\n", "a.tsv")
    with pytest.raises(InputError, match="unknown data format 'xml'"):
        read_texts(path, format="xml")
    with pytest.raises(InputError, match=r"text_column to be a number .*header=on"):
        read_texts(path, TextLayout(TextColumns(text="body")))
    with pytest.raises(DataError, match="a column 5 for label_column, got 2"):
        read_texts(path, TextLayout(TextColumns(label=5)))
    with pytest.raises(DataError, match="columns of their own for texts and label, got 1 twice"):
        read_texts(path, TextLayout(TextColumns(text=1, label=1)))
    with pytest.raises(DataError, match="columns of their own for texts and label, got 'b' twice"):
        read_texts(file('{"b": "x", "a": "y"}\n', "b.jsonl"), TextLayout(TextColumns("b", label=0)))
    with pytest.raises(DataError, match="pairs of texts, got trees"):
        read_texts(file("(3 (2 a) (2 b))\n", "t"), PAIRS, format="trees")
    with pytest.raises(DataError, match=r"two texts and label.*got 2"):
        read_texts(path, PAIRS)
    with pytest.raises(InputError, match="unknown header 'maybe'"):
        TextLayout(header="maybe")
    with pytest.raises(InputError, match="unknown classes of trees 'three'"):
        read_texts(file("(3 (2 a) (2 b))\n", "t"), classes="three")
    names = tmp_path / "labels.txt"
    for text, message in [("a\n\nb\n", "an empty line"), ("a\na\n", "'a' again"), ("a\n", "two")]:
        names.write_text(text)
        with pytest.raises(DataError, match=message):
            read_texts(path, label_names=names)
    names.write_text("eggs\nbacon\n")
    with pytest.raises(DataError, match=r"one of the labels eggs, bacon or .* 0 to 1, got 'ham'"):
        read_texts(path, label_names=names)


def test_classes_of_trees_mean_nothing_elsewhere_and_say_so(file):
    corpus = read_texts(file("sentence\tlabel\na\t1\n", "a.tsv"), classes="binary")
    assert corpus.notes[0].rule == "classes=binary has no effect: it is for files of trees"


def test_data_set_with_label_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    data = datasets.Dataset.from_dict({"sentence": ["a", "b"], "label": [1, 0]}, features=features)
    data.save_to_disk(tmp_path / "set")
    corpus = read_texts(tmp_path / "set")
    assert rows(corpus) == [("a", "yes"), ("b", "no")]
    assert corpus.label_names == ["no", "yes"]


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("mrpc/msr_paraphrase_train.txt", {"wanted": PAIRS}, 4076),
        ("mrpc/msr_paraphrase_test.txt", {"wanted": PAIRS}, 1725),
        ("paws_wiki/dev.tsv", {"wanted": PAIRS}, 8000),
        ("sms_spam/SMSSpamCollection", {}, 5574),
        ("goemotions/train.tsv", {"several": True}, 43410),
        ("goemotions/dev.tsv", {"several": True}, 5426),
        ("goemotions/test.tsv", {"several": True}, 5427),
        ("sst/train.txt", {}, 8544),
        ("sst/dev.txt", {}, 1101),
        ("sst/test.txt", {}, 2210),
        ("sst/train.txt", {"classes": "binary"}, 6920),
        ("sst/dev.txt", {"classes": "binary"}, 872),
        ("sst/test.txt", {"classes": "binary"}, 1821),
    ],
)
def test_published_sizes(real_data, name, options, size):
    corpus = read_texts(real_data(name), **options)
    assert len(corpus) == size
    if "classes" not in options and "sst" not in name:
        assert layout(corpus)[1] == size


def test_published_labels(real_data):
    names = real_data("goemotions/labels.txt")
    corpus = read_texts(real_data("goemotions/train.tsv"), several=True, label_names=names)
    assert corpus.label_counts.most_common(1) == [("neutral", 14219)]
    assert corpus.label_counts["grief"] == 77
    spam = read_texts(real_data("sms_spam/SMSSpamCollection"))
    assert dict(spam.label_counts) == {"ham": 4827, "spam": 747}
