"""Label Studio: annotators, cancelled and empty annotations, several controls, other results."""

import pytest

from dicetune.data import read_entities, read_texts, read_tokens
from dicetune.data.exports.documents import DIVIDED, OF_OTHERS, ExportChoice
from dicetune.data.exports.label_studio import CANCELLED, EMPTY, UNANNOTATED
from dicetune.data.exports.read import NO_LABEL
from dicetune.data.texts.columns import TextColumns, TextLayout
from dicetune.errors import DataError
from dicetune.tasks import TASKS
from exports import (
    SPANS,
    TEXTS,
    annotation,
    choice,
    found_spans,
    label_studio,
    region,
    task,
    write_json,
)


def export(folder, *tasks):
    return write_json(folder / "export.json", tasks)


def counts(corpus):
    return {note.rule: note.count for note in corpus.notes}


def test_one_of_several_annotators_is_chosen(tmp_path):
    ann, bob = {"id": 1, "email": "ann@x.org"}, {"id": 2, "email": "bob@x.org"}
    path = export(
        tmp_path,
        task(0, annotation(region(0), ann), annotation([], bob)),
        task(1, annotation(region(1), ann)),
    )
    said = r"several .*task 11\): ann@x.org \(2 texts\), bob@x.org \(1 texts\).*annotator=ann@x.org"
    for name in ("ner", "mrc-ner"):
        with pytest.raises(DataError, match=said):
            TASKS[name].read(path, TASKS[name].Options())
    of_ann = read_tokens(path, choice=ExportChoice("ann@x.org"))
    assert found_spans(of_ann) == SPANS[:2]
    of_bob = read_tokens(path, choice=ExportChoice("bob@x.org"))
    assert (found_spans(of_bob), counts(of_bob)[OF_OTHERS]) == ([[]], 1)
    assert len(read_tokens(path, require_tags=False)) == 2  # each text once
    with pytest.raises(DataError, match="got 'eve'"):
        read_tokens(path, choice=ExportChoice("eve"))


def test_texts_divided_among_annotators_are_all_read(tmp_path):
    path = export(tmp_path, *(task(n, annotation(region(n), by=n)) for n in range(4)))
    corpus = read_tokens(path)
    assert (found_spans(corpus), counts(corpus)[DIVIDED]) == (SPANS, 4)
    assert found_spans(read_tokens(path, choice=ExportChoice(3))) == SPANS[3:]


def test_two_annotations_by_one_annotator_are_refused(tmp_path):
    path = export(tmp_path, task(0, annotation(region(0)), annotation([])))
    for choice_ in (None, ExportChoice(1)):
        with pytest.raises(DataError, match="task 11: expected one annotation of each text"):
            read_tokens(path, choice=choice_)


def test_what_is_no_gold_is_counted(tmp_path):
    skipped = annotation(region(0), was_cancelled=True)
    path = export(
        tmp_path, task(0, skipped), task(1), task(2, annotation([])), task(3, annotation(region(3)))
    )
    corpus = read_tokens(path)
    assert found_spans(corpus) == SPANS[2:]
    said = counts(corpus)
    assert (said[CANCELLED], said[UNANNOTATED], said[EMPTY]) == (1, 1, 1)
    assert [s.id for s in read_tokens(path, require_tags=False)] == ["11", "12", "13", "14"]
    nothing = export(tmp_path, task(0, skipped), task(1))
    with pytest.raises(DataError, match=r"annotated texts, got none .*cancelled.*without an"):
        read_tokens(nothing)
    assert len(read_tokens(nothing, require_tags=False)) == 2


def test_a_cancelled_annotation_beside_a_good_one(tmp_path):
    skipped = annotation(region(1), by=2, was_cancelled=True)
    assert (
        found_spans(read_tokens(export(tmp_path, task(0, skipped, annotation(region(0))))))
        == SPANS[:1]
    )


def test_one_of_several_controls_is_chosen(tmp_path):
    path = export(
        tmp_path,
        task(0, annotation([*region(0), *region(0, "parts"), choice("a"), choice("b", "tone")])),
        task(1, annotation([*region(1), choice("b"), choice("c", "tone")])),
    )
    with pytest.raises(
        DataError, match="got label, parts: choose one, such as -o tag_column=label"
    ):
        read_tokens(path)
    assert found_spans(read_tokens(path, tag_column="label")) == SPANS[:2]
    assert found_spans(read_tokens(path, tag_column="parts")) == [*SPANS[:1], []]
    with pytest.raises(DataError, match="column for the label"):
        read_texts(
            export(tmp_path, task(0, annotation([choice("a", "mood"), choice("b", "tone")])))
        )
    tone = read_texts(
        path := export(tmp_path, *label_studio()), TextLayout(TextColumns(label="sentiment"))
    )
    assert [e.labels[0] for e in tone] == ["fault", "call", "quiet", "fault"]


def test_one_text_of_several_is_chosen(tmp_path):
    tasks = [task(0, annotation(region(0)), url="http://x")]
    assert len(read_tokens(export(tmp_path, *tasks))) == 1
    tasks[0]["data"]["report"] = tasks[0]["data"].pop("text")
    with pytest.raises(DataError, match=r"task 11: expected a text, one of several.*token_column"):
        read_tokens(export(tmp_path, *tasks))
    assert found_spans(read_tokens(tmp_path / "export.json", token_column="report")) == SPANS[:1]


def test_several_choices_are_a_set_of_labels(tmp_path):
    path = export(
        tmp_path,
        task(0, annotation([choice(["fault", "urgent, now"])])),
        task(1, annotation([choice("call")])),
        task(2, annotation([])),
    )
    found = read_texts(path, several=True)
    assert [e.labels for e in found] == [("fault", "urgent, now"), ("call",), ()]
    with pytest.raises(
        DataError, match="one label, got 'fault' and 'urgent, now': task multilabel"
    ):
        read_texts(path)
    path = export(
        tmp_path,
        *(task(n, annotation([choice(x)] if x else [])) for n, x in enumerate("ab")),
        task(2, annotation([])),
    )
    found = read_texts(path)
    assert ([e.labels for e in found], counts(found)[NO_LABEL]) == ([("a",), ("b",)], 1)


def test_other_results_are_counted_and_pages_refused(tmp_path):
    other = [
        {"type": "relation", "from_id": "a", "to_id": "b"},
        {"type": "rating", "from_name": "r", "value": {"rating": 4}},
    ]
    about_span = {
        "type": "choices",
        "from_name": "c",
        "value": {"start": 0, "end": 3, "choices": ["x"]},
    }
    corpus = read_entities(export(tmp_path, task(1, annotation([*region(1), *other, about_span]))))
    assert sum("not read" in rule for rule in counts(corpus)) == 3
    page = {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "hypertextlabels": ["X"]}
    result = {"type": "hypertextlabels", "from_name": "l", "value": page}
    with pytest.raises(
        DataError, match=r"task 12: expected the offsets of a span 'X' in plain text"
    ):
        read_tokens(export(tmp_path, task(1, annotation([result]))))
    page["globalOffsets"] = {"start": 0, "end": 9}
    assert found_spans(read_tokens(export(tmp_path, task(1, annotation([result]))))) == [
        [("X", TEXTS[1][:9])]
    ]
