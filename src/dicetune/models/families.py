"""What loading leaves undone for the tokenizers of some families of models.

- *Prefix space.* Byte-level pieces carry the space before a word. The library takes
  ``add_prefix_space`` only for tokenizers with a class of their own (RoBERTa's); others
  (ModernBERT's) would see words that come one by one as if they were glued to each other.
- *Segments.* Some models were trained with segment ids that their tokenizer makes but does not
  hand over (XLNet marks its CLS with segment 2; ALBERT tells a pair's second text by segment 1).

- *Length.* CANINE reads some characters at once (4): what is left over at the end would be read by
  halves, and a text of fewer characters not at all.

What is set for a tokenizer is saved with the tokenizer: the library's pipelines see the same.
"""

from __future__ import annotations

from typing import Any

from tokenizers import pre_tokenizers
from transformers import PretrainedConfig

_SEGMENTS = "token_type_ids"


def add_prefix_spaces(tokenizer: Any) -> None:
    """Let each word of a byte-level tokenizer begin with its space, the first one too."""
    step = tokenizer.backend_tokenizer.pre_tokenizer
    if isinstance(step, pre_tokenizers.Sequence):
        step = step[0]  # behind a split, each piece and not each word would get a space
    if isinstance(step, pre_tokenizers.ByteLevel):
        step.add_prefix_space = True


def padding_multiple(model_config: Any) -> int:
    """The number whose multiple the length of a batch must be, so that padding changes no output.

    Example:
        >>> from transformers import CanineConfig
        >>> padding_multiple(CanineConfig()), padding_multiple(PretrainedConfig())
        (4, 1)
    """
    return int(getattr(model_config, "downsampling_rate", 1))


def hand_over_segments(tokenizer: Any, source: str) -> None:
    """Give the model segment ids where it has them and the tokenizer makes more than one kind."""
    names = tokenizer.model_input_names
    config, _ = PretrainedConfig.get_config_dict(source)
    # XLNet's configuration does not count segments: it only asks whether two are the same
    has_segments = config.get("type_vocab_size", 1) > 1 or config.get("model_type") == "xlnet"
    if _SEGMENTS in names or not has_segments:
        return
    pair = tokenizer("a", "b", return_token_type_ids=True)
    if any(pair[_SEGMENTS]):
        tokenizer.model_input_names = [*names, _SEGMENTS]
        tokenizer.init_kwargs["model_input_names"] = tokenizer.model_input_names  # for saving
