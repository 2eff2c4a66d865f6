"""The identity of a run: what of a configuration decides it, by content and not by place.

Needs no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from dicetune.records import TUNED, sha256

# keys of a configuration that stay out of the id of a run: places of files, and notes
_PLACES = ("train", "dev", "test", "model", "out", "note", "keep_checkpoints")
# defaults of keys that earlier versions did not have: a run without them keeps its id
_LATER = (("decision", TUNED), ("set", "batch"), ("precision", "fp32"))
_SLUG_LENGTH = 40


def run_id(config: Mapping[str, Any], data: Mapping[str, str], model: str) -> str:
    """The stable name of a run, from its configuration and fingerprints of data, code and model.

    Example:
        >>> config = {"task": "ner", "loss": "ce+0.5*dice", "seed": 2, "trainer": {}}
        >>> run_id(config, {"train": "ab", "dev": "cd"}, "minilm")
        'ce-0.5-dice-seed2-43477994'
        >>> run_id({**config, "train": "elsewhere"}, {"train": "ab", "dev": "cd"}, "minilm")
        'ce-0.5-dice-seed2-43477994'
    """
    decides = {**what_decides(config), "data": dict(data), "model": model}
    text = json.dumps(decides, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{slug(str(config['loss']))}-seed{config['seed']}-{digest}"


def what_decides(config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a configuration that decide a run, without keys at their defaults.

    Example:
        >>> what_decides({"task": "ner", "train": "a.conll", "format": "auto", "decision": "tuned"})
        {'task': 'ner'}
        >>> what_decides({"prior_bias": False}), what_decides({"prior_bias": None})
        ({'prior_bias': False}, {})
    """
    decides = {name: as_json(value) for name, value in config.items() if name not in _PLACES}
    decides["options"] = with_contents(config.get("options") or {})
    defaults: tuple[Any, ...] = (None, False, {}, "auto")
    # without prior_bias the data decides, so that False is no default
    return {
        key: value
        for key, value in decides.items()
        if (value not in defaults and (key, value) not in _LATER)
        or (key == "prior_bias" and value is False)
    }


def slug(text: str) -> str:
    """A loss as part of a file name.

    Example:
        >>> slug("ce+0.5*tversky:alpha=0.3,beta=0.7")
        'ce-0.5-tversky-alpha-0.3-beta-0.7'
    """
    return re.sub(r"[^a-z0-9.]+", "-", text.lower())[:_SLUG_LENGTH].strip("-.")


def as_json(value: Any) -> Any:
    """Equal values as equal JSON: 3.0 is 3, and a key without a value is no key."""
    if isinstance(value, Mapping):
        return {name: as_json(entry) for name, entry in value.items() if entry is not None}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def with_contents(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a task; a file (of queries, of label names) is the digest of its content."""
    known = {name: as_json(value) for name, value in options.items() if value is not None}
    return {**known, **digests_of(options)}


def digests_of(options: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of each file that an option names."""
    return {
        name: sha256(value)
        for name, value in options.items()
        if isinstance(value, str) and os.path.isfile(value)
    }
