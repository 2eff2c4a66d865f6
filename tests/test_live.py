"""A stream is answered line by line while it goes on; one that has ended is read as a file."""

import json
import os
import subprocess
import sys

import pytest

from dicetune.errors import DataError
from dicetune.live import LiveLines, follow, line_format
from dicetune.predictor import load


@pytest.fixture
def pipe():
    """The lines of a pipe, and a function that writes to it; with nothing it ends the pipe."""
    reading, writing = os.pipe()
    ends = [writing]

    def write(text=""):
        if text:
            os.write(writing, text if isinstance(text, bytes) else text.encode())
        else:
            os.close(ends.pop())

    yield LiveLines(reading), write
    if ends:
        write()
    os.close(reading)


def answers(lines, predictor, format="auto", out_format="jsonl"):
    found = line_format(lines, predictor, format, out_format)
    return found, follow(lines, predictor, found or "text", out_format)


def test_each_line_is_answered_before_the_next_comes(saved_family, pipe, log):
    lines, write = pipe
    predictor = load(saved_family("bert", "sequence"))
    write("\ufeffthe pump is down\r\n")
    found, texts = answers(lines, predictor)
    assert found == "text"
    assert json.loads(next(texts))["text"] == "the pump is down"
    for text in ("dock four", "", "gate 2"):  # a blank line is a text of its own
        write(f"{text}\n")
        assert json.loads(next(texts))["text"] == text
    write("no line end")
    write()
    assert json.loads(next(texts))["text"] == "no line end"
    assert list(texts) == []
    assert sum("read as text, one text a line" in line for line in log.messages) == 1


def test_lines_that_wait_are_one_batch(saved_family, pipe):
    lines, write = pipe
    predictor = load(saved_family("bert", "sequence"), batch_size=2)
    write("a\nb\nc\n")
    _, texts = answers(lines, predictor)
    assert [len(next(texts).splitlines()) for _ in range(2)] == [2, 1]


def test_json_lines_are_told_by_the_first_and_errors_name_the_line_of_the_stream(
    saved_family, pipe
):
    lines, write = pipe
    predictor = load(saved_family("bert", "question"))
    record = json.dumps({"id": "x", "question": "who", "context": "Quay Nine is down"})
    write(record + "\n")
    found, texts = answers(lines, predictor)
    assert found == "jsonl"
    assert json.loads(next(texts))["id"] == "x"
    write('{"id": "y", "question": "who"}\n')
    with pytest.raises(DataError, match=r"stdin>:2: ") as error:
        next(texts)
    assert error.value.line == 2


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("dock four", b"caf\xe9", "got the byte 0xe9 at byte 4 of the line: convert the file"),
        ('{"text": "dock four"}', b"{", "expected"),
    ],
)
def test_lines_before_a_bad_line_are_answered_and_its_number_is_named(
    saved_family, pipe, good, bad, said
):
    lines, write = pipe
    write(f"{good}\n{good}\n")
    _, texts = answers(lines, load(saved_family("bert", "sequence"), batch_size=2))
    assert len(next(texts).splitlines()) == 2
    write(good.encode() + b"\n" + bad + b"\n")
    assert json.loads(next(texts))["text"] == "dock four"
    with pytest.raises(DataError, match=f"^<stdin>:4: .*{said}"):
        next(texts)


def test_a_stream_that_has_ended_is_told_by_its_whole_content(saved_family, pipe):
    lines, write = pipe
    predictor = load(saved_family("bert", "token"))
    write("at O\nQuay O\n\nall O\n")
    write()
    assert line_format(lines, predictor, "auto", "same") is None
    piece = lines.whole()
    assert (str(piece), piece.raw) == ("-", b"at O\nQuay O\n\nall O\n")
    assert len(predictor.read(piece, gold=False)) == 2


@pytest.mark.parametrize(
    ("head", "content", "told"),
    [
        ("sequence", "text;mood\nthe pump is down;bad\n", None),
        ("sequence", "the pump\tbad\n", None),
        ("sequence", "(3 (2 dock) (2 four))\n", None),
        ("sequence", "the pump, it is down\nall\tis; fine\n", "text"),
        ("token", "at O\nQuay O\n\nall O\n", None),
        ("question", '{"data": []}\n', None),
    ],
)
def test_the_format_does_not_depend_on_when_the_lines_come(saved_family, head, content, told):
    predictor = load(saved_family("bert", head))
    for slow in (True, False):
        reading, writing = os.pipe()
        lines = LiveLines(reading)
        os.write(writing, content.encode())
        if not slow:
            os.close(writing)
        assert line_format(lines, predictor, "auto", "jsonl") == told
        if slow:
            os.close(writing)


@pytest.mark.parametrize(("format", "out"), [("tsv", "jsonl"), ("text", "csv"), ("auto", "tsv")])
def test_formats_that_no_line_shows_wait_for_the_end(saved_family, pipe, format, out):
    lines, write = pipe
    write("the pump is down\n")
    assert line_format(lines, load(saved_family("bert", "sequence")), format, out) is None


def test_the_command_answers_while_its_input_goes_on(saved_family):
    folder = saved_family("bert", "sequence")
    command = [sys.executable, "-m", "dicetune", "predict", str(folder), "-"]
    how = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, bufsize=1, **how) as run:
        for text in ("the pump is down", "dock four is fine"):
            run.stdin.write(f"{text}\n")
            run.stdin.flush()
            assert json.loads(run.stdout.readline())["text"] == text
        run.stdin.close()
        assert run.stdout.read() == ""
        assert run.wait() == 0, run.stderr.read()
