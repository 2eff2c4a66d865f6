"""Tiny random models with tokenizers trained on the spot: for plumbing, never for behaviour."""

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForTokenClassification,
    PreTrainedTokenizerFast,
    TrainingArguments,
)

from dicetune.decide.folder import Split
from dicetune.decide.run_scores import write_scores
from dicetune.records import read_json_lines

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


def squad(context, *asked):
    """A SQuAD document of one context, asked by (id, question, answer that it holds, or None)."""
    questions = [
        {
            "id": name,
            "question": question,
            "answers": [{"text": text, "answer_start": context.index(text)}] if text else [],
            "is_impossible": not text,
        }
        for name, question, text in asked
    ]
    paragraphs = [{"context": context, "qas": questions}]
    return {"version": "v2.0", "data": [{"title": "a", "paragraphs": paragraphs}]}


SMALL = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 64,
}
"""Sizes of a BERT whose words are numbers."""


def training_arguments(folder, **changes):
    """Arguments of a trainer that says little and keeps nothing."""
    options = {
        "output_dir": str(folder),
        "use_cpu": True,
        "per_device_train_batch_size": 8,
        "max_steps": 4,
        "learning_rate": 1e-2,
        "save_strategy": "no",
        "logging_steps": 1,
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }
    return TrainingArguments(**{**options, **changes})


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
    torch.manual_seed(0)
    BertForTokenClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def save_scores(predictions: Path, problem, scores) -> None:
    """``scores.safetensors`` of dev beside a file of predictions, as a run leaves it."""
    rows = list(read_json_lines(Path(predictions)))
    splits = {"dev": Split.of(problem, rows, scores)}
    write_scores(Path(predictions).parent, problem.settings, splits)
