"""The packaged sample: reports of a port logistics operation, written for this project (CC0 1.0).

Three fixed splits with entities of the types SERVICE, SITE, MACHINE and ORG;
``sample_corpus/README.md`` has the annotation guideline. A file has one sentence a line, words
apart by spaces, and entities in double brackets with their types::

    # a comment: a line that begins with '#'
    [[Harbor Sync|SERVICE]] is slow again .

A blank line ends a report. The id of a sentence is "report.sentence", both counted from 1.
"""

from __future__ import annotations

import re
from importlib import resources

from dicetune.data.tagged.corpus import Corpus, Sentence
from dicetune.problems.schemes import Span, to_tags

SPLITS = ("train", "dev", "test")
_ENTITY_OR_WORD = re.compile(r"\[\[([^|]+)\|([A-Z]+)\]\]|\S+")


def sample_text(split: str) -> str:
    """The file of one split, as it is."""
    folder = resources.files("dicetune.data") / "sample_corpus"
    return (folder / f"{split}.txt").read_text(encoding="utf-8")


def sample_corpora() -> dict[str, Corpus]:
    """The splits ``train``, ``dev`` and ``test`` of the sample, with IOB2 tags."""
    return {split: _corpus(sample_text(split), f"sample:{split}") for split in SPLITS}


def _corpus(text: str, source: str) -> Corpus:
    sentences: list[Sentence] = []
    report, place, between = 0, 0, True
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("#"):
            continue
        if not line:
            between = True
            continue
        if between:
            report, place, between = report + 1, 0, False
        place += 1
        tokens: list[str] = []
        found: list[Span] = []
        for match in _ENTITY_OR_WORD.finditer(line):
            words = (match[1] or match[0]).split(" ")
            if match[2]:
                found.append((match[2], len(tokens), len(tokens) + len(words)))
            tokens += words
        tags = tuple(to_tags(found, len(tokens)))
        sentences.append(Sentence(tuple(tokens), tags, number, f"{report}.{place}"))
    return Corpus(tuple(sentences), source, "iob2", "iob2")
