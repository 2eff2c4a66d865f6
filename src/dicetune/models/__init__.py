"""Encoders: found by name, loaded offline, never from a pickle; and the MRC-NER model on them."""

from dicetune.models.adapters import LowRank
from dicetune.models.encoder import (
    MINILM_SHA256,
    load_model,
    output_bias,
    output_names,
    quiet_loading,
    resolve_encoder,
    saved_as,
)
from dicetune.models.mrc_ner import MrcNerConfig, MrcNerModel, select_spans, span_count
from dicetune.models.tokenizer import (
    check_vocabulary,
    fit_vocabulary,
    load_tokenizer,
    padding_multiple,
    position_limit,
    subword_counter,
    window_length,
    with_characters,
)
