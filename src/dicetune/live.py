"""Live input: the lines of an input stream are answered as they come, not when the stream ends.

A thread reads while the model is loaded and while it works, so that a batch holds all lines that
wait. The format never depends on when lines come. The first line tells it where it is an object of
JSON lines, or a plain text that begins no table; else the whole stream does, when it has ended.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dicetune.data.exports.read import export_in
from dicetune.data.files.json_objects import is_object
from dicetune.data.files.text import STDIN, Piece, no_utf8, source_name
from dicetune.errors import DataError, DicetuneError
from dicetune.records import silent_log

if TYPE_CHECKING:
    from dicetune.predictor import Predictor

BY_LINE = ("jsonl", "same", "text", "word_tag", "conll")
"""Output formats whose parts, one after the other, are the whole."""

GRACE = 0.1
"""Seconds in which a stream whose first line has come may still end, to be read at once."""

_AT_ONCE = 1 << 16
_log = logging.getLogger(__name__)


class LiveLines:
    """The lines of an open file, read by a thread that holds no lock when the program ends."""

    def __init__(self, number: int) -> None:
        self._number, self._rest, self._lines = number, b"", deque[bytes]()
        self._news, self.ended = threading.Condition(), False
        threading.Thread(target=self._read, daemon=True).start()

    @classmethod
    def of_stdin(cls) -> LiveLines | None:
        """The input stream; ``None`` where it is no open file."""
        try:
            return cls(sys.stdin.fileno())
        except (AttributeError, OSError, ValueError):
            return None

    def _read(self) -> None:
        while True:
            try:
                raw = os.read(self._number, _AT_ONCE)
            except OSError:
                raw = b""
            with self._news:
                *lines, self._rest = (self._rest + raw).split(b"\n")
                self._lines += [line + b"\n" for line in lines]
                if not raw:
                    self._lines += [self._rest] if self._rest else []
                    self.ended = True
                self._news.notify_all()
            if not raw:
                return

    def first(self) -> bytes:
        """The first line that is not blank, as soon as it has come; empty if there is none."""
        with self._news:
            while True:
                if line := next((line for line in self._lines if line.strip()), b""):
                    self._news.wait_for(lambda: self.ended, GRACE)
                if line or self.ended:
                    return line
                self._news.wait()

    def take(self, most: int) -> list[bytes]:
        """The lines that wait, at least one and at most some; none at the end."""
        with self._news:
            self._news.wait_for(lambda: self._lines or self.ended)
            return [self._lines.popleft() for _ in range(min(most, len(self._lines)))]

    def whole(self) -> Piece:
        """Everything, once the stream has ended."""
        with self._news:
            self._news.wait_for(lambda: self.ended)
            return Piece(b"".join(self._lines))


def line_format(lines: LiveLines, predictor: Predictor, format: str, out_format: str) -> str | None:
    """The format of a stream that can be answered line by line; ``None`` for any other."""
    first = lines.first()
    by_line = ("jsonl", *(["text"] if len(predictor.task.inputs) == 1 else []))
    if format == "auto":
        format = _told_by(first, predictor)
        if format == "text":
            _log.info("the input stream is read as text, one text a line; --format says otherwise")
    if format in by_line and out_format in BY_LINE:
        return format
    if not lines.ended:
        _log.info(
            "the input stream is answered when it ends, as its first line may be part of a table "
            "or of another layout, or the output is one whole; --format %s with output by lines "
            "answers each line",
            " or ".join(by_line),
        )
    return None


def _told_by(first: bytes, predictor: Predictor) -> str:
    """The format that a first line tells, whatever follows it; "auto" for none."""
    if not is_object(first) and predictor.task.aligns:  # "dock O" is two words, or one and its tag
        return "auto"
    try:
        with silent_log():
            alone = predictor.read(Piece(first), format="auto", gold=False)
    except DicetuneError:  # such as names of columns without a row
        return "auto"
    if is_object(first):
        is_line = len(alone) == 1 and export_in([first.decode()]) is None
        return "jsonl" if is_line else "auto"
    line = first.decode("utf-8").removeprefix("\ufeff").rstrip("\r\n")
    return "text" if [example.texts for example in alone] == [(line,)] else "auto"


def follow(lines: LiveLines, predictor: Predictor, format: str, out_format: str) -> Iterator[str]:
    """The output for the lines of a stream, as they come, in batches of all that wait."""
    done = 0
    while found := lines.take(predictor.batch_size):
        wrong: DataError | None = None
        with silent_log(done > 0):  # every batch would say the same of the stream
            try:
                data = _data_of(found, predictor, format, done)
            except DataError as error:
                if error.line is None:
                    raise
                said = str(error).partition(f":{error.line}: ")[2]
                wrong = DataError(error.path, said, error.line + done)
                data = _data_of(found[: error.line - 1], predictor, format, done)
            if data is not None:
                answers = predictor.answer(data)
                yield predictor.task.render(data, answers, out_format, predictor.decision)
        if wrong is not None:  # the lines before it are answered
            raise wrong
        done += len(found)


def _data_of(found: list[bytes], predictor: Predictor, format: str, done: int) -> Any:
    """The examples of some lines; ``None`` where there are none, or blank JSON lines."""
    raw = b"".join(found)
    if format != "text":
        return predictor.read(Piece(raw), format=format, gold=False) if raw.strip() else None
    if not found:
        return None
    try:
        texts = [line.removesuffix("\r") for line in raw.decode().removesuffix("\n").split("\n")]
    except UnicodeDecodeError as error:
        raise no_utf8(raw, error.start, source_name(STDIN)) from None
    if not done:
        texts[0] = texts[0].removeprefix("\ufeff")
    return predictor.ask(text=texts)
