"""The spaCy component: entities on the document's own words, and a saved pipeline."""

import pytest
import spacy

import dicetune.spacy_pipe  # noqa: F401 (what the entry point of an installed wheel does)
from dicetune.errors import InputError
from dicetune.predictor import load

TEXTS = ["The pump at Quay Nine is down", "", "all  quiet\n", "at Quay Nine\n\nat Quay  Nine"]


def test_entities_are_on_the_words_of_the_document(trained_ner, tmp_path):
    folder, _ = trained_ner
    nlp = spacy.blank("en")
    nlp.add_pipe("dicetune", config={"model": str(folder)})
    docs = list(nlp.pipe(TEXTS))
    assert [(one.text, one.label_) for one in docs[0].ents] == [("Quay Nine", "SITE")]
    assert len(docs[3].ents) == 2
    tagger = load(folder)
    for doc in docs:
        words = [token.text for token in doc if not token.is_space]
        (answer,) = tagger([words])
        assert [one.label_ for one in doc.ents] == [one.type for one in answer.entities]
        assert str(nlp(doc.text).ents) == str(doc.ents)

    nlp.to_disk(tmp_path / "saved")
    again = spacy.load(tmp_path / "saved")
    assert [str(one) for one in again(TEXTS[0]).ents] == ["Quay Nine"]
    assert not list((tmp_path / "saved").rglob("*.safetensors"))


def test_a_pipeline_without_a_model_of_entities_is_refused(saved_family):
    nlp = spacy.blank("en")
    with pytest.raises(InputError, match="expected the folder of a model, got none"):
        nlp.add_pipe("dicetune")
    with pytest.raises(InputError, match="expected a model whose tags spell entities"):
        nlp.add_pipe("dicetune", config={"model": saved_family("bert", "sequence")})
