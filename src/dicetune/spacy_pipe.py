"""The spaCy component ``dicetune``: entities of a model on the words of a document.

``nlp.add_pipe("dicetune", config={"model": "runs/a"})`` sets ``doc.ents``, in place of any that
the document had. The model reads the document's own words, white space left out. A saved pipeline
refers to the folder of the model, which is not copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dicetune.errors import InputError, of_extra, quoted
from dicetune.predictor import load
from dicetune.records import check_shape, read_json, write_json

spacy = of_extra("spacy", "spacy", "the spaCy component")
SETTINGS_FILE = "dicetune.json"


class EntityPipe:
    """Sets the entities of documents.

    Args:
        name: of the component.
        model: folder of a model of task ``ner``.
        decision: the decision rule, as ``predict`` takes it.
        batch_size: windows that run through the model at once.

    Raises:
        InputError: no model, or a model of another task.
    """

    def __init__(self, name: str, model: str, decision: str, batch_size: int) -> None:
        self.name = name
        self._settings: dict[str, Any] = {}
        self._load(model, decision, batch_size)

    def _load(self, model: str, decision: str, batch_size: int) -> None:
        if not model:
            raise InputError(
                "expected the folder of a model, got none: "
                'nlp.add_pipe("dicetune", config={"model": "runs/a"})'
            )
        self.predictor = load(model, decision=decision, batch_size=batch_size)
        if getattr(self.predictor.task, "scheme", None) is None:
            raise InputError(
                f"expected a model whose tags spell entities, got {quoted(Path(model))} of task "
                f"{self.predictor.task.name}: train one with `dicetune train ner`"
            )
        place = str(Path(model).absolute())
        self._settings = {"model": place, "decision": decision, "batch_size": batch_size}

    def __call__(self, doc: Any) -> Any:
        """The document with its entities."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Any], *, batch_size: int = 128) -> Iterator[Any]:
        """Documents with their entities, some at a time."""
        for docs in spacy.util.minibatch(stream, size=batch_size):
            words = [[token for token in doc if not token.is_space] for doc in docs]
            answers = self.predictor([[token.text for token in one] for one in words])
            for doc, tokens, answer in zip(docs, words, answers, strict=True):
                doc.ents = [
                    spacy.tokens.Span(
                        doc, tokens[one.start].i, tokens[one.end - 1].i + 1, label=one.type
                    )
                    for one in answer.entities
                ]
                yield doc

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the settings, which name the folder of the model."""
        Path(path).mkdir(exist_ok=True)
        write_json(Path(path) / SETTINGS_FILE, self._settings)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> EntityPipe:
        """Load the model that the settings name.

        Raises:
            InputError: damaged settings, or a folder that is not there any more.
        """
        file = Path(path) / SETTINGS_FILE
        settings = read_json(file)
        shape = {"model": str, "decision": str, "batch_size": int}
        check_shape(file, settings, shape, heals="save the pipeline again")
        if settings != self._settings:
            self._load(**{name: settings[name] for name in shape})
        return self


def make_pipe(nlp: Any, name: str, model: str, decision: str, batch_size: int) -> EntityPipe:
    """The component, as spaCy makes it from its configuration."""
    return EntityPipe(name, model, decision, batch_size)


spacy.language.Language.factory(
    "dicetune",
    default_config={"model": "", "decision": "auto", "batch_size": 32},
    assigns=["doc.ents"],
    func=make_pipe,
)
