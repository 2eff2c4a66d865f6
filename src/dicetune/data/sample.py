"""The packaged sample: reports of a port logistics operation, written for this project (CC0 1.0).

Three fixed splits in inline markup (``dicetune.data.tagged.inline``), with four entity types:
SERVICE, SITE, MACHINE and ORG. ``sample_corpus/README.md`` has the annotation guideline.
"""

from __future__ import annotations

from importlib import resources

from dicetune.data.tagged.corpus import Corpus
from dicetune.data.tagged.inline import parse_inline

SPLITS = ("train", "dev", "test")


def sample_text(split: str) -> str:
    """The file of one split, as it is.

    Args:
        split: one of ``SPLITS``.
    """
    folder = resources.files("dicetune.data") / "sample_corpus"
    return (folder / f"{split}.txt").read_text(encoding="utf-8")


def sample_corpora() -> dict[str, Corpus]:
    """The three splits, with IOB2 tags.

    Returns:
        ``train``, ``dev`` and ``test``; their sources read "sample:train" and so on.

    Example:
        >>> corpora = sample_corpora()
        >>> sorted(corpora)
        ['dev', 'test', 'train']
        >>> sorted({tag[2:] for tag in corpora["train"].tag_counts if tag != "O"})
        ['MACHINE', 'ORG', 'SERVICE', 'SITE']
    """
    return {
        split: parse_inline(sample_text(split).split("\n"), f"sample:{split}") for split in SPLITS
    }
