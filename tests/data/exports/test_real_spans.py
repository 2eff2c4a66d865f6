"""Spans that people marked in published texts, as a tool exports them: how many are widened."""

import pytest

from dicetune.data import read_entities, read_questions
from dicetune.data.exports.align import WIDENED
from exports import annotation, write_json

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize(
    ("file", "texts", "marked", "widened"),
    [
        ("squad11/dev-v1.1.visible35.json", 1211, 9985, 84),
        ("cmrc2018/cmrc2018_dev.json", 848, 4011, 4),
    ],
)
def test_few_marked_spans_end_inside_a_word(real_data, tmp_path, file, texts, marked, widened):
    spans = {}
    for question in read_questions(real_data(file)):
        for answer in (answer for answer in question.answers if answer.start is not None):
            place = answer.start, answer.end, question.context[answer.start : answer.end]
            spans.setdefault(question.context, set()).add(place)
    tasks = []
    for number, (text, found) in enumerate(spans.items()):
        results = [
            {
                "type": "labels",
                "from_name": "label",
                "value": {"start": a, "end": b, "text": own, "labels": ["ANSWER"]},
            }
            for a, b, own in sorted(found)
        ]
        tasks.append({"id": number, "data": {"text": text}, "annotations": [annotation(results)]})
    corpus = read_entities(write_json(tmp_path / "tasks.json", tasks))
    assert (len(corpus), sum(map(len, spans.values()))) == (texts, marked)
    assert {note.rule: note.count for note in corpus.notes}[WIDENED] == widened
