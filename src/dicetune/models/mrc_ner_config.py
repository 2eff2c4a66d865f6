"""MrcNerConfig: an encoder's configuration, and what the three heads on it need."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, ClassVar

from transformers import AutoConfig, PretrainedConfig

MAX_SPAN_WORDS = 32
CANDIDATES = 32


class MrcNerConfig(PretrainedConfig):
    """Configuration of ``MrcNerModel``.

    Args:
        text_config: the encoder's own, as an object or as plain data.
        max_span_words: longest span, in words, that the match head may see.
        candidates_per_window: number of spans of a window that it sees.
        match_dropout: dropout on the encoder's output and inside the match head.
        **options: what every configuration of the library takes; the labels are entity types.
    """

    model_type = "mrc-ner"
    sub_configs: ClassVar[dict[str, Any]] = {"text_config": AutoConfig}

    def __init__(
        self,
        text_config: PretrainedConfig | dict[str, Any] | None = None,
        max_span_words: int = MAX_SPAN_WORDS,
        candidates_per_window: int = CANDIDATES,
        match_dropout: float = 0.1,
        **options: Any,
    ) -> None:
        if text_config is None:
            text_config = {"model_type": "bert"}  # the library compares with a default object
        if isinstance(text_config, dict):
            text_config = AutoConfig.for_model(**text_config)
        else:
            text_config = deepcopy(text_config)  # what is set below also sets parts of it
        self.text_config: Any = text_config
        self.max_span_words = max_span_words
        self.candidates_per_window = candidates_per_window
        self.match_dropout = match_dropout
        super().__init__(**options)

    @property
    def vocab_size(self) -> int:
        """Number of sub-words that the encoder has embeddings for."""
        return self.text_config.vocab_size
