"""A tiny random model of every backbone family, with a tokenizer of the family's own kind.

The families differ where texts meet tensors, and each is here for its traps:

- ``bert``, ``distilbert``: WordPiece, uncased, characters that it does not know become one
  unknown token a word; DistilBERT's models take no segment ids, its tokenizer gives them.
- ``roberta``: byte-level BPE, a word begins with its space; two positions are never used.
- ``modernbert``: byte-level BPE of no class of its own: the prefix space that words need is not
  switched on by an option; offsets begin at the space before a word; some attention is local.
- ``deberta-v2``: unigram, positions are relative and shared by buckets.
- ``xlnet``: unigram, padded on the left, CLS at the end with segment 2, no limit of positions.

Vocabularies are written down and not trained: trainers break ties at random, and a tiny model's
weights would belong to other pieces in each process. Each knows the words of ``TEXTS``, printable
ASCII, and a few letters beyond; the rest is bytes (BPE) or unknown (WordPiece, unigram).
"""

import string
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModel,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    BertTokenizer,
    ByT5Tokenizer,
    CanineConfig,
    DebertaV2Config,
    DebertaV2Tokenizer,
    DistilBertConfig,
    ModernBertConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaTokenizer,
    XLNetConfig,
    XLNetTokenizer,
)

from tiny import TEXTS, wordpiece_tokenizer

LIMIT = 64
HEADS = {
    "token": AutoModelForTokenClassification,
    "sequence": AutoModelForSequenceClassification,
    "question": AutoModelForQuestionAnswering,
}
_WORDS = list(dict.fromkeys(word for text in TEXTS for word in text.split() if word.isalpha()))
_LETTERS = string.ascii_letters + string.digits + string.punctuation + "äéñß東京"


def _numbered(pieces):
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def wordpiece():
    """BERT's: uncased, long words in pieces."""
    words = [word.lower() for word in _WORDS if len(word) < 8]
    letters = list(dict.fromkeys(_LETTERS.lower()))
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = _numbered([*special, *words, *letters, *(f"##{letter}" for letter in letters)])
    return BertTokenizer(vocab=vocabulary, model_max_length=LIMIT)


def _byte_level(special):
    """Bytes, and merges from the left for each short word with the space before it."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces, merges = [*special, *alphabet], []
    for word in (f"Ġ{word}" for word in _WORDS if len(word) < 8):
        for end in range(1, len(word)):
            merges.append((word[:end], word[end]))
            pieces.append(word[: end + 1])
    return _numbered(pieces), list(dict.fromkeys(merges))


def byte_level(**options):
    """RoBERTa's: the space is part of a word, offsets are trimmed."""
    vocabulary, merges = _byte_level(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    return RobertaTokenizer(vocab=vocabulary, merges=merges, model_max_length=LIMIT, **options)


def byte_level_untrimmed():
    """ModernBERT's: no class of its own, no prefix space, offsets that begin at the space."""
    vocabulary, merges = _byte_level(["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"])
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
        model_max_length=LIMIT,
        model_input_names=["input_ids", "attention_mask"],
    )


def _unigram(special):
    """Pieces with scores: whole words are likelier than their letters."""
    scores = dict.fromkeys(special, 0.0)
    scores |= {f"▁{word}": -3.0 for word in _WORDS if len(word) < 8}
    scores |= {"▁": -4.0} | {letter: -6.0 for letter in _LETTERS if letter != "▁"}
    return list(scores.items())


def unigram():
    """DeBERTa-v2's: SentencePiece manners, CLS first."""
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    return DebertaV2Tokenizer(vocab=_unigram(special), model_max_length=LIMIT)


def unigram_cls_last():
    """XLNet's: padding on the left, CLS last."""
    special = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eop>", "<eod>"]
    return XLNetTokenizer(vocab=_unigram(special), unk_id=0, model_max_length=LIMIT)


# of one family that reads letters and of one that reads bytes, ready for words
TOKENIZERS = {
    "wordpiece": wordpiece_tokenizer(),
    "byte-level": byte_level(add_prefix_space=True),
}
_SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": LIMIT,
}
_DISTILBERT = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
_ROBERTA = {"max_position_embeddings": 50, "type_vocab_size": 1}  # 48 of use, less than LIMIT
_DEBERTA = {
    "relative_attention": True,
    "position_buckets": 8,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "type_vocab_size": 0,
    "pooler_hidden_size": 16,
}
FAMILIES = {
    "bert": (wordpiece, BertConfig, _SIZES),
    "distilbert": (wordpiece, DistilBertConfig, {**_DISTILBERT, "max_position_embeddings": LIMIT}),
    "roberta": (byte_level, RobertaConfig, {**_SIZES, **_ROBERTA}),
    # of two layers one has local attention
    "modernbert": (byte_level_untrimmed, ModernBertConfig, {**_SIZES, "local_attention": 8}),
    "deberta-v2": (unigram, DebertaV2Config, {**_SIZES, **_DEBERTA}),
    "xlnet": (
        unigram_cls_last,
        XLNetConfig,
        {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32},
    ),
}
"""Name to (a function that makes the tokenizer, the class of the configuration, its sizes)."""


def save_family(name: str, head: str, folder: Path, labels: int = 3) -> str:
    """Save a tiny random model of a family, with ``head`` of ``HEADS``, and its tokenizer."""
    make_tokenizer, config_class, sizes = FAMILIES[name]
    tokenizer = make_tokenizer()
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    config = config_class(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=first,
        cls_token_id=first,
        eos_token_id=last,
        sep_token_id=last,
        num_labels=2 if head == "question" else labels,
        **sizes,
    )
    config.initializer_range = 0.2  # at 0.02 attention sees so little that a wrong mask goes unseen
    torch.manual_seed(0)
    HEADS[head].from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def save_slow(folder: Path) -> str:
    """Save a tiny random CANINE, which reads characters by fours, with a slow tokenizer alone.

    The tokenizer is not the family's own, which takes a second to make, and another to load.
    """
    config = CanineConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=LIMIT,
        num_hash_buckets=64,
        local_transformer_stride=16,
        initializer_range=0.2,
    )
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    ByT5Tokenizer(cls_token="<cls>", model_max_length=LIMIT).save_pretrained(folder)
    return str(folder)
