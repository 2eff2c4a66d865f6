"""Encoders: found by name, loaded offline, never from a pickle; and the MRC-NER model on them."""

from dicetune.models.characters import check_vocabulary, fit_vocabulary, with_characters
from dicetune.models.encoder import (
    MINILM,
    MINILM_SHA256,
    load_model,
    load_tokenizer,
    position_limit,
    resolve_encoder,
    window_length,
)
from dicetune.models.families import padding_multiple
from dicetune.models.mrc_ner import MrcNerModel, MrcNerOutput
from dicetune.models.mrc_ner_config import MrcNerConfig
from dicetune.models.output_layer import label_names, output_bias, saved_as
from dicetune.models.quiet import quiet_loading
from dicetune.models.subwords import show_every_word, subword_counter

__all__ = [
    "MINILM",
    "MINILM_SHA256",
    "MrcNerConfig",
    "MrcNerModel",
    "MrcNerOutput",
    "check_vocabulary",
    "fit_vocabulary",
    "label_names",
    "load_model",
    "load_tokenizer",
    "output_bias",
    "padding_multiple",
    "position_limit",
    "quiet_loading",
    "resolve_encoder",
    "saved_as",
    "show_every_word",
    "subword_counter",
    "window_length",
    "with_characters",
]
