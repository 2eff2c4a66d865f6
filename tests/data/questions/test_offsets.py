"""Offsets that a whole file counts by one rule are read by it, also those that fit by chance."""

import json
import random

import pytest

from dicetune.data import inspect_questions, read_questions
from dicetune.data.questions.corpus import ELSEWHERE, OTHER_RULES, offset_rule

# before each "Nine" stands a character that other rules count otherwise
LINES = ["🚢🚢 Nine men.", "Größe: Nine.", "泵站 Nine.", "At quay Nine.", "🚢 and Nine again."]


def written(context, start, encoding="utf-32-le", ends=None):
    """The offset of a character as another tool counts it."""
    before = context[:start] if ends is None else context[:start].replace(*ends)
    return len(before.encode(encoding)) // {"utf-32-le": 4, "utf-16-le": 2, "utf-8": 1}[encoding]


def dump(path, contexts, offsets):
    """A document that asks for every "Nine" of its contexts; offsets in their order."""
    offsets = iter(offsets)
    paragraphs = []
    for number, context in enumerate(contexts):
        qas = [
            {
                "id": f"{number}-{place}",
                "question": "How many?",
                "answers": [{"text": "Nine", "answer_start": next(offsets)}],
            }
            for place in places(context)
        ]
        paragraphs.append({"context": context, "qas": qas})
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")
    return path


def places(context):
    return [place for place in range(len(context)) if context.startswith("Nine", place)]


COUNTED = {
    "UTF-16 code units": ("\n", "utf-16-le", None),
    "UTF-8 bytes": ("\n", "utf-8", None),
    "characters with CR LF as one": ("\r\n", "utf-32-le", ("\r\n", "\n")),
    "characters with LF as two": ("\n", "utf-32-le", ("\n", "\r\n")),
    "UTF-16 code units with CR LF as one": ("\r\n", "utf-16-le", ("\r\n", "\n")),
    "UTF-8 bytes with LF as two": ("\n", "utf-8", ("\n", "\r\n")),
}


@pytest.mark.parametrize("name", COUNTED)
def test_the_whole_file_is_read_by_its_rule(name, tmp_path):
    end, encoding, ends = COUNTED[name]
    contexts = [end.join(LINES), end.join(reversed(LINES)), "No other signs, Nine in all."]
    right = [(context, place) for context in contexts for place in places(context)]
    offsets = [written(*place, encoding, ends) for place in right]
    corpus = read_questions(dump(tmp_path / "a.json", contexts, offsets))
    assert [q.answers[0].start for q in corpus] == [place for _, place in right]
    (note,) = corpus.notes
    assert f"counts {name}, as in the whole file" in note.rule
    moved = sum(offset != place for offset, (_, place) in zip(offsets, right, strict=True))
    assert note.count == moved
    facts = inspect_questions({"train": corpus}).splits[0].facts
    assert facts["offsets that do not fit"] == moved


def test_an_offset_that_fits_by_chance_moves_with_the_others(tmp_path):
    """Four ships before the first Nine: its UTF-16 offset is where the second one stands."""
    context = "🚢🚢🚢🚢NineNine🚢NineTen"
    second, third = places(context)[1:]
    offset = written(context, places(context)[0], "utf-16-le")
    assert context.startswith("Nine", offset)
    assert offset == second
    others = [written(context, place, "utf-16-le") for place in (second, third)]
    corpus = read_questions(dump(tmp_path / "a.json", [context], [offset, *others]))
    assert [q.answers[0].start for q in corpus] == places(context)


def test_a_few_wrong_offsets_are_mended_one_by_one(tmp_path):
    contexts = ["\n".join(LINES)] * 4
    right = [place for context in contexts for place in places(context)]
    spoilt = [place + 2 * (number % 7 == 3) for number, place in enumerate(right)]
    corpus = read_questions(dump(tmp_path / "a.json", contexts, spoilt))
    assert [q.answers[0].start for q in corpus] == right
    assert [(note.rule, note.count) for note in corpus.notes] == [(ELSEWHERE, 3)]


def test_what_the_rule_leaves_is_mended_one_by_one(tmp_path):
    contexts = ["\n".join(LINES)] * 4
    right = [(context, place) for context in contexts for place in places(context)]
    offsets = [written(*place, "utf-8") for place in right]
    offsets[4] += 1
    corpus = read_questions(dump(tmp_path / "a.json", contexts, offsets))
    assert [q.answers[0].start for q in corpus] == [place for _, place in right]
    assert {note.rule: note.count for note in corpus.notes}[ELSEWHERE] == 1


def test_an_offset_beyond_its_context_is_refused_by_the_rule_of_its_file(tmp_path):
    context = "\n".join(LINES)
    offsets = [written(context, place, "utf-8") for place in places(context)]
    assert offsets[-1] >= len(context) - 4, "in bytes this is beyond the characters"
    assert len(read_questions(dump(tmp_path / "a.json", [context], offsets))) == len(LINES)
    offsets[-1] = 999
    with pytest.raises(ValueError, match=f"inside the context's {len(context)} characters"):
        read_questions(dump(tmp_path / "a.json", [context], offsets))


def test_offsets_at_random_follow_no_rule():
    draw = random.Random(3)
    context = "\n".join(LINES) * 3
    for _ in range(20):
        answers = [("Nine", draw.randrange(len(context)), context) for _ in range(40)]
        assert offset_rule(answers) not in OTHER_RULES
