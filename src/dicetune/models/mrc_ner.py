"""MrcNerModel: any encoder with start, end and span-match heads, for NER as reading comprehension.

Reference: Li et al., A Unified MRC Framework for Named Entity Recognition, ACL 2020. For a window
of a query and a text: a logit at each position for "an entity of this type starts here", a logit
for "ends here", and a logit for each candidate pair of a start and an end for "these two belong
together", from the concatenated vectors of both. The released code scores all T × T pairs; here the
match head scores candidates alone (``select_spans``).

``AutoModel.from_pretrained`` finds the model by its configuration once ``dicetune.models`` is
imported.
"""

from __future__ import annotations

import inspect
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_MAPPING
from transformers.utils import ModelOutput

from dicetune.errors import InputError
from dicetune.problems.entities import CANDIDATES, MAX_SPAN_WORDS

_HEAD_OPTIONS = (
    *("max_span_words", "candidates_per_window", "match_dropout"),
    *("num_labels", "id2label", "label2id"),
)
_SOURCE_OPTIONS = ("cache_dir", "local_files_only", "revision", "token", "trust_remote_code")


class MrcNerConfig(PretrainedConfig):
    """Configuration of an encoder and of the three heads; the labels are entity types."""

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
            text_config = {"model_type": "bert"}  # transformers compares with a default object
        if isinstance(text_config, dict):
            text_config = AutoConfig.for_model(**text_config)
        else:
            text_config = deepcopy(text_config)  # super().__init__ sets values in it
        self.text_config: Any = text_config
        self.max_span_words = max_span_words
        self.candidates_per_window = candidates_per_window
        self.match_dropout = match_dropout
        super().__init__(**options)

    @property
    def vocab_size(self) -> int:
        """Number of sub-words that the encoder has embeddings for."""
        return self.text_config.vocab_size


@dataclass
class MrcNerOutput(ModelOutput):
    """Logits of a batch: start and end (B, T), spans (B, M) beside their positions (B, M, 2).

    A candidate has the positions of a first and a last sub-word. Windows with fewer candidates are
    filled with the position -1, whose logit means nothing.
    """

    start_logits: Tensor | None = None
    end_logits: Tensor | None = None
    span_positions: Tensor | None = None
    span_logits: Tensor | None = None


class MrcNerModel(PreTrainedModel):
    """An encoder (``backbone``; a random encoder by default) with three heads."""

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
        # the same object: a new size of the vocabulary holds for both configurations
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
        """A saved model with its heads, or any saved encoder with new heads.

        ``options`` go to the ``from_pretrained`` of transformers and to ``MrcNerConfig``.
        """
        options.setdefault("trust_remote_code", False)  # without an answer transformers asks
        config = options.get("config")
        if config is None:
            reach = {name: options[name] for name in _SOURCE_OPTIONS if name in options}
            config = AutoConfig.from_pretrained(source, **reach)
        if isinstance(config, MrcNerConfig):
            return super().from_pretrained(source, *positional, **options)
        _check_encoder(config)
        heads = {name: options.pop(name) for name in _HEAD_OPTIONS if name in options}
        with_info = options.pop("output_loading_info", False)
        options = {**options, **_without_pooler(config), "output_loading_info": True}
        backbone, found = AutoModel.from_pretrained(source, *positional, **options)
        model = cls(MrcNerConfig(backbone.config, dtype=backbone.dtype, **heads), backbone)
        model = model.to(backbone.dtype).eval()
        if not with_info:
            return model
        lacking = [name for name in model.state_dict() if not name.startswith("backbone.")]
        missing = [f"backbone.{name}" for name in found["missing_keys"]]
        wrong = [(f"backbone.{name}", *sizes) for name, *sizes in found["mismatched_keys"]]
        return model, {**found, "missing_keys": [*missing, *lacking], "mismatched_keys": wrong}

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
        """Logits of a batch of windows; a plain tuple with ``return_dict=False``.

        ``candidate_mask`` (B, T) is 1 on the first sub-word of each word of the text, where a span
        may begin or end; without the mask a span may begin and end wherever there is attention.
        ``gold_starts`` and ``gold_ends`` (B, G) are positions of gold spans, padded with -1: in
        training gold spans are always among the candidates, in evaluation they are ignored.
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
        rows = torch.arange(hidden.shape[0], device=hidden.device)[:, None, None]
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
    """Options that leave out the layer on the first position, which no head reads."""
    model_class = MODEL_MAPPING.get(type(config), None)
    takes = inspect.signature(model_class).parameters if inspect.isclass(model_class) else {}
    return {"add_pooling_layer": False} if "add_pooling_layer" in takes else {}


# candidates of the match head


def span_count(words: Tensor, max_words: int) -> Tensor:
    """Number of spans of at most ``max_words`` words in texts of ``words`` words.

    Example:
        >>> span_count(torch.tensor([0, 1, 3]), max_words=2)
        tensor([0, 1, 5])
    """
    longest = words.clamp(max=max_words)
    return words * longest - longest * (longest - 1) // 2


@torch.no_grad()
def select_spans(
    start_logits: Tensor,
    end_logits: Tensor,
    mask: Tensor,
    *,
    max_words: int,
    count: int,
    gold_starts: Tensor | None = None,
    gold_ends: Tensor | None = None,
) -> Tensor:
    """The ``count`` spans of each window that the match head scores, best first: (B, count, 2).

    The match scores of all pairs of words would need memory of the square of the window. So spans
    of at most ``max_words`` words are ranked by ``min(start logit, end logit)`` and only the first
    ``count`` spans are scored. A span with two likely ends comes before every span with an unlikely
    end, so every span that could be predicted is scored in a window with at most ``count`` such
    spans. Ties go to the shorter span, then to the span further left; gold spans come before all
    others. Padding and the rest of the batch change nothing, and the choice has no gradient.

    The logits and the mask (1 on the first sub-word of a word) are (B, T), the positions of gold
    (B, G), padded with -1. The result holds positions of first and last words, -1 where a window
    has fewer spans.

    Example:
        >>> start, end = torch.tensor([[2.0, -1.0, 3.0]]), torch.tensor([[1.0, 2.0, -5.0]])
        >>> select_spans(start, end, torch.ones(1, 3), max_words=2, count=3).tolist()
        [[[0, 1], [0, 0], [1, 1]]]
    """
    mask = mask.bool()
    words = mask.sum(1)
    longest = mask.shape[1]  # padding changes nothing, and asking for less would wait for a GPU
    reach = max_words
    if not torch.compiler.is_exporting():  # a graph serves every length
        if longest and mask.device.type == "cpu":
            longest = int(words.max())
        if longest == 0 or len(mask) == 0:
            return torch.full((len(mask), count, 2), -1, device=mask.device)
        reach = min(max_words, longest)
    width = torch.arange(mask.shape[1], device=mask.device)
    # the words from left to right, then the rest: the exporter knows no stable sort
    order = torch.where(mask, mask.shape[1] - width, -width).sort(dim=1, descending=True)
    positions = order.indices[:, :longest]
    exists = torch.arange(longest, device=mask.device) < words[:, None]
    # (B, reach, longest): entry (l, i) is the span from word i to word i + l
    place = torch.arange(longest, device=mask.device)
    later = torch.arange(reach, device=mask.device)[:, None] + place
    valid = exists[:, None] & F.pad(exists, (0, reach - 1))[:, later]
    starts = start_logits.float().gather(1, positions)
    ends = F.pad(end_logits.float().gather(1, positions), (0, reach - 1))[:, later]
    scores = torch.minimum(starts[:, None], ends).nan_to_num().masked_fill(~valid, -torch.inf)
    scores, valid = (
        F.pad(scores.flatten(1), (0, count), value=-torch.inf),
        F.pad(valid.flatten(1), (0, count)),
    )
    if gold_starts is not None and gold_ends is not None:
        gold = _entries(mask, gold_starts, gold_ends, reach, longest)
        scores = scores.masked_fill(F.pad(gold, (0, count)), torch.inf)
    if torch.compiler.is_exporting():  # TopK of ONNX takes the first of equal scores
        chosen = scores.topk(count, dim=1).indices
    else:
        chosen = scores.sort(dim=1, descending=True, stable=True).indices[:, :count]
    length = chosen // longest
    first = chosen - length * longest
    last = (first + length).clamp(max=longest - 1)
    spans = torch.stack([positions.gather(1, first), positions.gather(1, last)], dim=-1)
    return spans.masked_fill(~valid.gather(1, chosen)[..., None], -1)


def _entries(mask: Tensor, starts: Tensor, ends: Tensor, reach: int, longest: int) -> Tensor:
    """A mask of the given spans among the (B, reach * longest) spans of all windows."""
    rank = mask.cumsum(1) - 1
    first = rank.gather(1, starts.clamp(min=0))
    length = rank.gather(1, ends.clamp(min=0)) - first
    inside = (starts >= 0) & (length >= 0) & (length < reach)
    nowhere = reach * longest  # one entry more takes spans that do not exist or are too long
    entries = torch.zeros(len(mask), nowhere + 1, dtype=torch.bool, device=mask.device)
    places = torch.where(inside, length * longest + first, nowhere)
    return entries.scatter_(1, places, True)[:, :-1]


AutoConfig.register(MrcNerConfig.model_type, MrcNerConfig, exist_ok=True)
AutoModel.register(MrcNerConfig, MrcNerModel, exist_ok=True)
