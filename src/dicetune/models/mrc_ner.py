"""MrcNerModel: any encoder with start, end and span-match heads, for NER as reading comprehension.

Reference: Li et al., A Unified MRC Framework for Named Entity Recognition, ACL 2020. For a window
of a query and a text: a logit at each position for "an entity of this type starts here", one for
"ends here", and one for each candidate pair of a start and an end (``span_candidates``) for "these
two belong together", from the concatenated vectors of both. What differs from the released code:
the match head sees candidates and not all T × T pairs.

``AutoModel.from_pretrained`` finds it by its configuration once ``dicetune.models`` is imported.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_MAPPING
from transformers.utils import ModelOutput

from dicetune.errors import InputError
from dicetune.models.mrc_ner_config import MrcNerConfig
from dicetune.models.span_candidates import select_spans

_OWN_OPTIONS = (
    "max_span_words",
    "candidates_per_window",
    "match_dropout",
    "num_labels",
    "id2label",
    "label2id",
)
_SOURCE_OPTIONS = ("cache_dir", "local_files_only", "revision", "token", "trust_remote_code")


@dataclass
class MrcNerOutput(ModelOutput):
    """What the model says of a batch of windows.

    Args:
        start_logits: (B, T).
        end_logits: (B, T).
        span_positions: (B, M, 2) first and last position of each candidate, -1 where there is none.
        span_logits: (B, M); without meaning where there is no candidate.
    """

    start_logits: Tensor | None = None
    end_logits: Tensor | None = None
    span_positions: Tensor | None = None
    span_logits: Tensor | None = None


class MrcNerModel(PreTrainedModel):
    """An encoder with three heads.

    Args:
        config: of the encoder and the heads.
        backbone: the encoder, where it is there already; else a random one is made.

    Raises:
        InputError: for a model that has a decoder.
    """

    config_class = MrcNerConfig
    base_model_prefix = "backbone"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True

    def __init__(self, config: MrcNerConfig, backbone: PreTrainedModel | None = None) -> None:
        super().__init__(config)
        _check_encoder(config.text_config)
        if backbone is None:
            backbone = AutoModel.from_config(
                config.text_config, **_without_pooler(config.text_config)
            )
        self.backbone = backbone
        # one object: a change of the vocabulary is one of both
        config.text_config = backbone.config
        size = config.text_config.hidden_size
        self.dropout = nn.Dropout(config.match_dropout)
        self.start = nn.Linear(size, 1)
        self.end = nn.Linear(size, 1)
        self.match = nn.Sequential(
            nn.Linear(2 * size, size),
            nn.GELU(),
            nn.Dropout(config.match_dropout),
            nn.Linear(size, 1),
        )
        takes = inspect.signature(backbone.forward).parameters
        segments = getattr(config.text_config, "type_vocab_size", 2) > 1
        self._takes_segments = "token_type_ids" in takes and segments
        self.post_init()

    @classmethod
    def from_pretrained(cls, source: Any, *positional: Any, **options: Any) -> Any:
        """A saved model with its heads, or any saved encoder with new ones.

        Args:
            source: a folder or Hub id.
            *positional: passed on.
            **options: of the library's ``from_pretrained``, and of ``MrcNerConfig``.
        """
        options.setdefault("trust_remote_code", False)  # without an answer the library asks
        config = options.get("config")
        if config is None:
            own = {name: options[name] for name in _SOURCE_OPTIONS if name in options}
            config = AutoConfig.from_pretrained(source, **own)
        if isinstance(config, MrcNerConfig):
            return super().from_pretrained(source, *positional, **options)
        return cls._on_encoder(source, config, *positional, **options)

    @classmethod
    def _on_encoder(
        cls, source: Any, encoder: PretrainedConfig, *positional: Any, **options: Any
    ) -> Any:
        _check_encoder(encoder)
        heads = {name: options.pop(name) for name in _OWN_OPTIONS if name in options}
        with_info = options.pop("output_loading_info", False)
        options = {**options, **_without_pooler(encoder), "output_loading_info": True}
        backbone, found = AutoModel.from_pretrained(source, *positional, **options)
        model = cls(MrcNerConfig(backbone.config, dtype=backbone.dtype, **heads), backbone)
        model = model.to(backbone.dtype).eval()
        if not with_info:
            return model
        lacking = [name for name in model.state_dict() if not name.startswith("backbone.")]
        missing = [f"backbone.{name}" for name in found["missing_keys"]]
        wrong = [(f"backbone.{name}", *sizes) for name, *sizes in found["mismatched_keys"]]
        return model, {**found, "missing_keys": [*missing, *lacking], "mismatched_keys": wrong}

    def get_input_embeddings(self) -> nn.Module:
        """The encoder's."""
        return self.backbone.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the encoder's."""
        self.backbone.set_input_embeddings(value)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        candidate_mask: Tensor | None = None,
        gold_starts: Tensor | None = None,
        gold_ends: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        return_dict: bool | None = None,
    ) -> MrcNerOutput | tuple[Tensor, ...]:
        """Logits of a batch of windows.

        Args:
            input_ids: (B, T).
            attention_mask: (B, T).
            token_type_ids: (B, T); not given to an encoder without segments.
            candidate_mask: (B, T), 1 on the first sub-word of each word of the text, where a span
                may begin or end; without it wherever there is attention.
            gold_starts: (B, G) first positions of gold spans, padded with -1; in training they are
                always among the candidates, in evaluation they are not looked at.
            gold_ends: (B, G) positions of their last words.
            inputs_embeds: (B, T, H) in place of ``input_ids``.
            return_dict: ``False`` for a plain tuple.
        """
        inputs = {"input_ids": input_ids, "inputs_embeds": inputs_embeds}
        if self._takes_segments:
            inputs["token_type_ids"] = token_type_ids
        given = {name: value for name, value in inputs.items() if value is not None}
        encoded = self.backbone(attention_mask=attention_mask, return_dict=True, **given)
        hidden = self.dropout(encoded.last_hidden_state)
        start_logits = self.start(hidden).squeeze(-1)
        end_logits = self.end(hidden).squeeze(-1)
        if candidate_mask is None:
            ones = torch.ones(hidden.shape[:2], dtype=torch.bool, device=hidden.device)
            candidate_mask = ones if attention_mask is None else attention_mask
        spans = select_spans(
            start_logits,
            end_logits,
            candidate_mask,
            max_words=self.config.max_span_words,
            count=self.config.candidates_per_window,
            gold_starts=gold_starts if self.training else None,
            gold_ends=gold_ends if self.training else None,
        )
        rows = torch.arange(len(hidden), device=hidden.device)[:, None, None]
        ends = hidden[rows, spans.clamp(min=0)].flatten(2)  # (B, M, 2H)
        output = MrcNerOutput(start_logits, end_logits, spans, self.match(ends).squeeze(-1))
        return output.to_tuple() if return_dict is False else output


def _check_encoder(config: PretrainedConfig) -> None:
    if config.is_encoder_decoder:
        raise InputError(
            f"expected an encoder such as BERT or RoBERTa, got the encoder-decoder "
            f"{config.model_type}: choose another model"
        )


def _without_pooler(config: PretrainedConfig) -> dict[str, Any]:
    """Options that leave out the layer on the first position, which nothing here reads."""
    model_class = MODEL_MAPPING.get(type(config), None)
    takes = inspect.signature(model_class).parameters if inspect.isclass(model_class) else {}
    return {"add_pooling_layer": False} if "add_pooling_layer" in takes else {}


AutoConfig.register(MrcNerConfig.model_type, MrcNerConfig, exist_ok=True)
AutoModel.register(MrcNerConfig, MrcNerModel, exist_ok=True)
