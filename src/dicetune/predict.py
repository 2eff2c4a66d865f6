"""Predict with a finished run's folder, or any saved token-classification model.

>>> import dicetune.predict                                         # doctest: +SKIP
>>> tagger = dicetune.predict.load("runs/a")                        # doctest: +SKIP
>>> tagger("The pump at Quay Nine is down again.")[0].entities      # doctest: +SKIP
[Entity(type='SITE', text='Quay Nine', start=12, end=21, score=0.97)]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModelForTokenClassification

from dicetune.data import Corpus, Sentence, check_labels
from dicetune.data.labels import spans
from dicetune.errors import InputError, InputTypeError
from dicetune.models import load_tokenizer, position_limit, quiet_loading
from dicetune.models.encoder import check_weights
from dicetune.records import RUN_FILE, RunRecord
from dicetune.tasks import TokenTask

# words as corpora have them: punctuation stands apart, an apostrophe or hyphen inside does not
_WORD = re.compile(r"\w+(?:[-'’.]\w+)*|[^\w\s]")


@dataclass(frozen=True)
class Entity:
    """A named entity in a text.

    Args:
        type: its type.
        text: its characters, as they stand in the text.
        start: first character, or first word where words were given.
        end: one past the last.
        score: mean probability of its words' labels.
    """

    type: str
    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Tagged:
    """One text with a tag for each word.

    Args:
        tokens: the words.
        tags: one each.
        probabilities: of each tag.
        entities: the spans that the tags mark; empty for part of speech.
    """

    tokens: list[str]
    tags: list[str]
    probabilities: list[float]
    entities: list[Entity] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as one line of JSON lines output."""
        return asdict(self)


class TokenTagger:
    """A saved model with its task: words or text in, tags and entities out.

    Args:
        model: a token-classification model.
        tokenizer: its fast tokenizer.
        task: the task it was trained for.
        batch_size: windows that run through the model at once.
        max_length: longest window in sub-words.
    """

    def __init__(
        self, model: Any, tokenizer: Any, task: TokenTask, batch_size: int, max_length: int
    ) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.task = task
        self.batch_size = batch_size
        self.max_length = max_length

    def __call__(self, texts: str | Sequence[str] | Sequence[Sequence[str]]) -> list[Tagged]:
        """Tag plain texts, or texts that come as words.

        Args:
            texts: one text, several, or several lists of words.

        Returns:
            One ``Tagged`` for each text. Entity places are characters of a plain text, and words
            of a text that came as words.
        """
        if isinstance(texts, str):
            texts = [texts]
        places: list[list[tuple[int, int]] | None] = []
        sentences: list[Sentence] = []
        for text in texts:
            if isinstance(text, str):
                found = list(_WORD.finditer(text))
                places.append([match.span() for match in found])
                sentences.append(Sentence(tuple(match.group() for match in found)))
            elif isinstance(text, Sequence) and all(isinstance(word, str) for word in text):
                places.append(None)
                sentences.append(Sentence(tuple(text)))
            else:
                raise InputTypeError(
                    f"expected texts, or lists of words, got {type(text).__name__}"
                )
        return [
            self._tagged(sentence, scores, place, text)
            for sentence, scores, place, text in zip(
                sentences, self.scores(sentences), places, texts, strict=True
            )
        ]

    def scores(self, sentences: Corpus | Sequence[Sentence]) -> list[np.ndarray]:
        """Log-probabilities of each sentence.

        Args:
            sentences: their words are read, their tags are not.

        Returns:
            One array for each sentence, (words, labels).
        """
        untagged = [Sentence(sentence.tokens) for sentence in sentences]
        encoded = self.task.encode(untagged, self.tokenizer, self.max_length)
        windows: list[np.ndarray] = []
        for begin in range(0, len(encoded.features), self.batch_size):
            batch = self.tokenizer.pad(
                encoded.features[begin : begin + self.batch_size], return_tensors="pt"
            )
            with torch.inference_mode():
                logits = self.model(**batch.to(self.model.device))["logits"]
            windows += list(self.task.shrink(logits, logits).cpu().numpy())
        longest = max((len(window) for window in windows), default=0)
        outputs = np.zeros((len(windows), longest, len(self.task.labels)), dtype=np.float32)
        for number, window in enumerate(windows):
            outputs[number, : len(window)] = window
        return self.task.decode(outputs, encoded)

    def evaluate(
        self, corpus: Corpus, convention: Literal["strict", "conlleval"] = "strict"
    ) -> dict[str, Any]:
        """Scores on a tagged corpus.

        Args:
            corpus: sentences with tags in the scheme of the model's labels.
            convention: what counts as a span ("strict" or "conlleval"); nothing for "pos".

        Returns:
            Fractions in [0, 1], with a table for each type or label.

        Raises:
            InputError: where the corpus has a label that the model does not know.
        """
        check_labels(self.task.labels, corpus)
        predictions = self.task.predict(self.scores(corpus))
        return self.task.score(corpus, predictions, convention=convention)

    def _tagged(
        self,
        sentence: Sentence,
        scores: np.ndarray,
        places: list[tuple[int, int]] | None,
        text: str | Sequence[str],
    ) -> Tagged:
        (tags,) = self.task.predict([scores])
        probabilities = np.exp(scores.max(-1)) if len(scores) else np.zeros(0)
        entities = []
        if self.task.scheme is not None:
            for kind, begin, end in spans(tags, self.task.scheme):
                score = float(probabilities[begin:end].mean())
                if places is None:
                    words = " ".join(sentence.tokens[begin:end])
                    entities.append(Entity(kind, words, begin, end, score))
                else:
                    first, last = places[begin][0], places[end - 1][1]
                    entities.append(Entity(kind, str(text[first:last]), first, last, score))
        return Tagged(list(sentence.tokens), tags, [float(p) for p in probabilities], entities)


def load(folder: str | Path, *, batch_size: int = 32, device: str = "cpu") -> TokenTagger:
    """Load a finished run's folder for prediction; nothing is fetched.

    Args:
        folder: the ``--out`` folder of ``dicetune train``, or any saved token-classification model.
        batch_size: windows that run through the model at once.
        device: "cpu", "cuda", …

    Raises:
        InputError: where the folder is no saved model, or one without a trained
            token-classification head.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"expected the folder of a saved model, got {str(folder)!r}, which is not one: give "
            "the --out folder of `dicetune train`"
        )
    check_weights(folder)
    with quiet_loading():
        model = _load_whole(folder).to(device)
    labels = [model.config.id2label[number] for number in range(model.config.num_labels)]
    tokenizer = load_tokenizer(str(folder))
    length = position_limit(model.config, tokenizer)
    if (folder / RUN_FILE).is_file():
        record = RunRecord.load(folder)
        length = min(record.config["max_length"] or 512, length)
        task = TokenTask(
            record.config["task"],
            labels,
            record.scheme,  # type: ignore[arg-type]
            stride=record.config["stride"],
        )
    else:
        task = (
            TokenTask("ner", labels, _scheme(labels))
            if _scheme(labels)
            else TokenTask("pos", labels)
        )
        length = min(length, 512)
    return TokenTagger(model, tokenizer, task, batch_size, length)


def _load_whole(folder: Path) -> Any:
    """The model with every weight of its head: the library would draw missing ones at random."""
    try:
        model, found = AutoModelForTokenClassification.from_pretrained(
            str(folder), output_loading_info=True, use_safetensors=True, dtype="float32"
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"expected a saved token-classification model, got {str(folder)!r}: {reason}; give "
            "the --out folder of `dicetune train`"
        ) from error
    missing = sorted(found["missing_keys"])
    if missing:
        saved = ", ".join(getattr(model.config, "architectures", None) or ["unknown"])
        more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
        raise InputError(
            f"expected a saved token-classification model, got {str(folder)!r} (saved as {saved}) "
            f"without the weights {', '.join(missing[:4])}{more}: they would be random, so "
            "fine-tune it first with `dicetune train` and give its --out folder"
        )
    return model


def _scheme(labels: Sequence[str]) -> Literal["iob2", "iobes"] | None:
    """The span scheme that a model's label names show, where they are spans at all."""
    prefixes = {label[:2] for label in labels if label != "O"}
    if not prefixes or not prefixes <= {"B-", "I-", "E-", "S-"}:
        return None
    return "iobes" if prefixes & {"E-", "S-"} else "iob2"
