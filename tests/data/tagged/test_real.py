"""Published data sets, read as they are: sizes and ratios as published or counted with awk."""

import pytest

from dicetune.data import inspect_tokens, read_predictions, read_tokens
from dicetune.problems import Spans

pytestmark = pytest.mark.real_data
NER = [
    ("wnut17/wnut17train.conll", 3394, 62730, 18.85, "iob2"),
    ("wnut17/emerging.dev.conll", 1009, 15733, 11.59, "iob2"),
    ("wnut17/emerging.test.annotated", 1287, 23394, 12.44, "iob2"),
    ("weibo_ner/weiboNER_2nd_conll.train", 1350, 73778, 13.90, "iob2"),
    ("weibo_ner/weiboNER_2nd_conll.dev", 270, 14509, 13.94, "iob2"),
    ("weibo_ner/weiboNER_2nd_conll.test", 270, 14842, 12.77, "iob2"),
    ("ncbi_disease/train.tsv", 5424, 135701, 11.06, "iob2"),
    ("ncbi_disease/devel.tsv", 923, 23969, 11.77, "iob2"),
    ("ncbi_disease/test.tsv", 940, 24497, 10.97, "iob2"),
    ("bc5cdr/train.tsv", 4560, 118170, 7.32, "iob2"),
    ("bc5cdr/devel.tsv", 4581, 117453, 7.35, "iob2"),
    ("bc5cdr/test.tsv", 4797, 124750, 7.80, "iob2"),
    ("wikigold/wikigold.conll.txt", 1696, 39007, 5.07, "iob1"),
]
POS = [
    ("ud_en_ewt/en_ewt-ud-train.conllu.gz", 12544, 204577, 86.9),
    ("ud_en_ewt/en_ewt-ud-dev.conllu", 2001, 25147, 71.4),
    ("ud_en_ewt/en_ewt-ud-test.conllu", 2077, 25094, 98.2),
    ("ud_zh_14/zh-ud-train.conllu", 3997, 98608, 1083.8),
    ("ud_zh_14/zh-ud-dev.conllu", 500, 12663, 404.1),
    ("ud_zh_14/zh-ud-test.conllu", 500, 12012, 1103.3),
    ("ark_tweets/oct27.train", 1000, 14619, 1109.5),
    ("ark_tweets/oct27.dev", 327, 4823, 187.8),
    ("ark_tweets/oct27.test", 500, 7152, 175.5),
    ("ark_tweets/daily547.conll", 547, 7707, 615.0),
]


def notes(corpus):
    return {note.rule.split(":")[0]: note.count for note in corpus.notes}


@pytest.mark.parametrize(("name", "sentences", "words", "ratio", "scheme"), NER)
def test_entities(real_data, name, sentences, words, ratio, scheme):
    corpus = read_tokens(real_data(name))
    split = inspect_tokens({"split": corpus}).splits[0]
    assert (split.facts["sentences"], split.facts["words"]) == (sentences, words)
    assert round(split.ratio.value, 2) == ratio
    assert (corpus.found_scheme, corpus.scheme) == (scheme, "iob2")


@pytest.mark.parametrize(("name", "sentences", "words", "ratio"), POS)
def test_parts_of_speech(real_data, name, sentences, words, ratio):
    split = inspect_tokens({"split": read_tokens(real_data(name), spans=False)}).splits[0]
    assert (split.facts["sentences"], split.facts["words"]) == (sentences, words)
    assert split.ratio.value == pytest.approx(ratio, abs=0.051)


def test_broad_twitter_corpus(real_data):
    corpora = [read_tokens(real_data(f"btc/{section}.conll")) for section in "abefgh"]
    assert sum(len(corpus) for corpus in corpora) == 9339
    counts = sum((corpus.tag_counts for corpus in corpora[1:]), corpora[0].tag_counts)
    assert counts.total() == 150387
    assert round(counts["O"] / (counts.total() - counts["O"]), 2) == 7.10
    assert sum(notes(corpus).get("empty words", 0) for corpus in corpora) == 4


def test_conllu_rows_that_are_no_words(real_data):
    corpus = read_tokens(real_data("ud_en_ewt/en_ewt-ud-train.conllu.gz"), spans=False)
    assert notes(corpus) == {"multi-word rows (1-2)": 2614, "empty nodes (24.1)": 37}
    assert corpus.sentences[0].id


def test_wikigold_documents(real_data):
    corpus = read_tokens(real_data("wikigold/wikigold.conll.txt"))
    assert notes(corpus) == {"document boundaries (-DOCSTART-)": 145}


def test_weibo_test_has_414_entities_strictly_and_418_for_conlleval(real_data):
    path = real_data("weibo_ner/weiboNER_2nd_conll.test")
    as_it_is = read_predictions(path, gold_column=1, predicted_column=1)
    assert Spans({}).scores(as_it_is.gold, as_it_is.gold)["support"] == 414
    assert Spans({"convention": "conlleval"}).scores(as_it_is.gold, as_it_is.gold)["support"] == 418
    repaired = read_tokens(path)
    tags = [sentence.tags for sentence in repaired]
    assert Spans({}).scores(tags, tags)["support"] == 418
    assert notes(repaired)["tags that the scheme iob2 does not allow there"] == 4
    assert repaired.sentences[0].tokens[0] == path.read_text(encoding="utf-8")[0]


def test_leaks(real_data):
    names = {"train": "en_ewt-ud-train.conllu.gz", "test": "en_ewt-ud-test.conllu"}
    splits = {k: read_tokens(real_data(f"ud_en_ewt/{v}"), spans=False) for k, v in names.items()}
    assert [leak.count for leak in inspect_tokens(splits).leaks] == [94]
    names = {"train": "train.tsv", "test": "test.tsv"}
    splits = {k: read_tokens(real_data(f"ncbi_disease/{v}")) for k, v in names.items()}
    assert [leak.count for leak in inspect_tokens(splits).leaks] == [1]


def test_longest_sentence_of_bc5cdr(real_data):
    split = inspect_tokens({"dev": read_tokens(real_data("bc5cdr/devel.tsv"))}).splits[0]
    assert split.facts["longest text"].startswith("225 words, ")
