"""Tokenizers: loaded for texts that come as words, with settings that loading does not make.

- *Prefix space.* Byte-level pieces carry the space before a word. Transformers takes
  ``add_prefix_space`` only for tokenizers of a special class (RoBERTa); without it, others
  (ModernBERT) would read single words as if there were no spaces between them.
- *Segments.* Some models were trained with segment ids that their tokenizer makes but does not
  return (XLNet marks its CLS with segment 2; in ALBERT the second text of a pair has segment 1).
- *Length.* CANINE reads four characters at once: padding to a multiple of four changes no output.

These settings are saved with the tokenizer, so that pipelines of transformers use them too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoTokenizer, PretrainedConfig, PreTrainedTokenizerFast

from dicetune.data.inspect import show_every_word
from dicetune.errors import InputError, quoted
from dicetune.models.encoder import COPY_TOKENIZER, loading

LONGEST_BY_DEFAULT = 512
_SEGMENTS = "token_type_ids"
# these models count positions from the padding index on: earlier positions are never used
_ROBERTAS = ("roberta", "camembert", "xlm-roberta", "xlm-roberta-xl", "longformer", "mpnet")


def load_tokenizer(source: str, *, aligns: bool = True) -> Any:
    """The tokenizer of an encoder, set up for texts that come as words.

    ``aligns`` says whether words must be found again among the sub-words (``Task.aligns``); a slow
    tokenizer cannot do so and is refused then.
    """
    hint = {"hint": COPY_TOKENIZER, "expected": "a tokenizer that can be loaded"}
    with loading(source, **(hint if Path(source).is_dir() else {})):
        # byte-level tokenizers need the prefix space for words; the others ignore the option
        tokenizer = AutoTokenizer.from_pretrained(
            source, add_prefix_space=True, trust_remote_code=False
        )
    if tokenizer.is_fast:
        _check_pieces(tokenizer, source)
        step = tokenizer.backend_tokenizer.pre_tokenizer
        if isinstance(step, pre_tokenizers.Sequence):
            step = step[0]  # behind a split, each piece and not each word would get a space
        if isinstance(step, pre_tokenizers.ByteLevel):
            step.add_prefix_space = True
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
                "set its pad_token and save it again"
            )
        tokenizer.pad_token = tokenizer.eos_token  # attention masks it, its value never matters
    if "input_ids" not in tokenizer.model_input_names:
        raise InputError(
            f"expected a tokenizer that makes input_ids for {quoted(source)}, got "
            f"{quoted(tokenizer.model_input_names)}: restore its tokenizer_config.json"
        )
    with loading(source):
        _hand_over_segments(tokenizer, source)
    return tokenizer


def _check_pieces(tokenizer: Any, source: str) -> None:
    """Refuse the tokenizer that transformers makes for a folder without a tokenizer's files."""
    known = set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens)
    if not any(piece.strip("▁") for piece in known):
        raise InputError(
            f"expected a tokenizer with a vocabulary for {quoted(Path(source))}, got "
            f"{type(tokenizer).__name__} with special tokens alone, to which every word is "
            f"unknown: {COPY_TOKENIZER}"
        )


def _hand_over_segments(tokenizer: Any, source: str) -> None:
    """Give the model segment ids if it has segments and the tokenizer makes several of them."""
    names = tokenizer.model_input_names
    config, _ = PretrainedConfig.get_config_dict(source)
    # the configuration of XLNet has no number of segments: the model only compares them
    has_segments = config.get("type_vocab_size", 1) > 1 or config.get("model_type") == "xlnet"
    if _SEGMENTS in names or not has_segments:
        return
    pair = tokenizer("a", "b", return_token_type_ids=True)
    if any(pair[_SEGMENTS]):
        tokenizer.model_input_names = [*names, _SEGMENTS]
        tokenizer.init_kwargs["model_input_names"] = tokenizer.model_input_names  # for saving


# lengths


def position_limit(model_config: Any, tokenizer: Any) -> int:
    """Longest input in sub-words that a model takes, special tokens included."""
    limit = int(tokenizer.model_max_length)
    model_config = model_config.get_text_config()  # the encoder's, also inside MrcNerModel
    positions = getattr(model_config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        padding = model_config.pad_token_id
        if model_config.model_type in _ROBERTAS and padding is not None:
            positions -= padding + 1
        limit = min(limit, positions)
    return limit


def window_length(model_config: Any, tokenizer: Any, wanted: int | None = None) -> int:
    """Longest window in sub-words: ``wanted``, else the model's limit, at most 512."""
    limit = position_limit(model_config, tokenizer)
    if wanted is None:
        return min(limit, LONGEST_BY_DEFAULT)
    if wanted > limit:
        raise InputError(f"expected max_length of at most {limit} for this model, got {wanted}")
    return wanted


def padding_multiple(model_config: Any) -> int:
    """The number of which the length of a batch must be a multiple: then padding changes no output.

    Example:
        >>> from transformers import CanineConfig
        >>> padding_multiple(CanineConfig()), padding_multiple(PretrainedConfig())
        (4, 1)
    """
    return int(getattr(model_config, "downsampling_rate", 1))


# sub-words of words


def subword_counter(tokenizer: Any) -> Callable[[str | Sequence[str]], tuple[int, int]]:
    """Function from a text, or from words, to the number of sub-words and of unknown sub-words."""

    def count(text: str | Sequence[str]) -> tuple[int, int]:
        if isinstance(text, str):
            ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        else:
            _, ids = show_every_word(text, tokenizer)
        return len(ids), ids.count(tokenizer.unk_token_id)

    return count


# the vocabulary


def check_vocabulary(model: Any, tokenizer: Any) -> None:
    """Refuse a tokenizer with a piece that a model has no embedding for."""
    embeddings = _embeddings(model)
    if embeddings is None:
        return
    last = max(tokenizer.get_vocab().values())
    if last >= embeddings:
        raise InputError(
            f"expected a tokenizer whose pieces all have one of the model's {embeddings} "
            f"embeddings, got a piece of number {last} in {quoted(Path(tokenizer.name_or_path))}: "
            "restore the model's own tokenizer.json, or call resize_token_embeddings on the model "
            "and save it again"
        )


def fit_vocabulary(model: Any, tokenizer: Any) -> None:
    """Give a model an embedding, random ones at the end, for each piece, and its padding's number.

    Decoders come without padding; their heads for texts look for the last piece before it.
    """
    if model.config.get_text_config().pad_token_id is None:
        model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    embeddings = _embeddings(model)
    if embeddings is not None and len(tokenizer) > embeddings:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)


def _embeddings(model: Any) -> int | None:
    """The number of pieces that a model has embeddings for; ``None`` if it reads any character."""
    found: int | None = getattr(model.config, "vocab_size", None)
    return found


def with_characters(tokenizer: Any, texts: Iterable[str]) -> tuple[Any, int]:
    """A tokenizer that knows the characters of some texts, and the number of new characters.

    A tokenizer for another script turns most characters into its unknown token, and no training
    can then tell the characters apart. The characters go into the vocabulary and not among the
    "added tokens": added tokens cut words wherever they occur, and thousands cost gigabytes.
    """
    if not tokenizer.is_fast:
        raise _no_room(type(tokenizer).__name__)
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    normalizer = tokenizer.backend_tokenizer.normalizer
    seen = {character for text in texts for character in text}
    if normalizer is not None:  # an uncased tokenizer never meets the capital
        seen = {part for character in seen for part in normalizer.normalize_str(character)}
    unknown = _unknown(tokenizer, sorted(character for character in seen if character.strip()))
    if not unknown:
        return tokenizer, 0
    _extend(state["model"], unknown, first_id=len(tokenizer))
    names = [name for name in tokenizer.special_tokens_map if name != "additional_special_tokens"]
    extended = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        model_max_length=tokenizer.model_max_length,
        model_input_names=tokenizer.model_input_names,
        padding_side=tokenizer.padding_side,
        **{name: tokenizer.special_tokens_map[name] for name in names},
    )
    return extended, len(unknown)


def _unknown(tokenizer: Any, characters: list[str]) -> list[str]:
    if tokenizer.unk_token_id is None or not characters:
        return []
    pieces = tokenizer(characters, add_special_tokens=False)["input_ids"]
    return [
        character
        for character, ids in zip(characters, pieces, strict=True)
        if tokenizer.unk_token_id in ids
    ]


def _extend(model: dict[str, Any], characters: list[str], first_id: int) -> None:
    """Add the characters; to WordPiece also as the inside of a word."""
    kind, vocabulary = model["type"], model["vocab"]
    pieces = characters
    if kind == "WordPiece":
        inside = model.get("continuing_subword_prefix") or ""
        pieces = [*characters, *(inside + character for character in characters)]
    if kind in ("WordPiece", "WordLevel", "BPE"):
        new = [piece for piece in pieces if piece not in vocabulary]
        vocabulary.update(zip(new, range(first_id, first_id + len(new)), strict=True))
    elif kind == "Unigram":
        least = min(score for _, score in vocabulary)
        vocabulary += [[piece, least] for piece in pieces]
    else:
        raise _no_room(kind)


def _no_room(kind: str) -> InputError:
    return InputError(
        f"expected a tokenizer model that takes characters, got {kind}: leave out --add-characters"
    )
