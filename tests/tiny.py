"""Tiny random models with tokenizers trained on the spot: for plumbing, never for behaviour."""

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForTokenClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForTokenClassification,
)

# what a record says of the data and the training, where a test does not look at it
RECORDED = {
    "objective": {"text": "ce", "loss": "ce"},
    "data": {},
    "model": {"name": "minilm", "sha256": None, "parameters": 22_000_000},
    "training": {"seconds": 0.5, "steps": 3, "best_step": 2, "history": []},
}

TEXTS = [
    "The pump at Quay Nine is down again and nobody knows why .",
    "Atlas Sync lost the queue at 04:10 , restarted twice , then recovered .",
    "Dock four is fine ; the scanner at gate 2 is not .",
    "Unbelievably long recalibrations happened at Northgate .",
]


def wordpiece_tokenizer(texts=TEXTS):
    """A WordPiece tokenizer in the manner of BERT, uncased: short words whole, long ones in pieces.

    Its vocabulary is written down and not trained: the trainer breaks ties at random, and a tiny
    model's weights would belong to other words in each process.
    """
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = sorted({word for text in texts for word in text.lower().split() if len(word) < 8})
    letters = sorted({letter for text in texts for letter in text.lower() if letter.strip()})
    pieces = [*special, *words, *letters, *(f"##{letter}" for letter in letters)]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )


def byte_level_tokenizer(texts=TEXTS, vocab_size=400):
    """A byte-level BPE tokenizer with prefix spaces, in the manner of RoBERTa."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    bos, eos = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", eos), ("<s>", bos), trim_offsets=True, add_prefix_space=True
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        mask_token="<mask>",
        model_max_length=64,
    )


def sure_outputs(encoded, labels: int) -> np.ndarray:
    """Log-probabilities that are sure of each gold label, laid out as a tagger's outputs are."""
    width = max((len(feature["labels"]) for feature in encoded.features), default=0)
    gold = [[*f["labels"], *[-100] * (width - len(f["labels"]))] for f in encoded.features]
    return np.where(
        np.array(gold, dtype=int).reshape(len(gold), width, 1) == np.arange(labels), 0.0, -50.0
    )


def tiny_bert(folder: Path, *, labels: int = 3, dropout: float = 0.1, texts=TEXTS) -> str:
    """A random BERT of two layers with its tokenizer, saved in ``folder``."""
    tokenizer = wordpiece_tokenizer(texts)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        num_labels=labels,
        pad_token_id=tokenizer.pad_token_id,
    )
    return _save(BertForTokenClassification, config, tokenizer, folder)


def tiny_roberta(folder: Path, *, labels: int = 3, texts=TEXTS) -> str:
    """A random RoBERTa of two layers with a byte-level tokenizer, saved in ``folder``."""
    tokenizer = byte_level_tokenizer(texts)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=34,
        num_labels=labels,
        pad_token_id=tokenizer.pad_token_id,
    )
    return _save(RobertaForTokenClassification, config, tokenizer, folder)


def _save(model_class, config, tokenizer, folder: Path) -> str:
    torch.manual_seed(0)
    model_class(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
