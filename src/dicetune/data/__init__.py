"""Reading, checking and describing data. Needs neither torch nor transformers."""

from dicetune.data.entities.corpus import (
    EntityCorpus,
    EntitySentence,
    EntitySpan,
    choose_queries,
    default_query,
    entity_corpus,
    inspect_entities,
    read_queries,
)
from dicetune.data.entities.mrc import is_mrc
from dicetune.data.entities.read import (
    ENTITY_FORMATS,
    SpanPredictions,
    parse_contexts,
    read_entities,
    read_span_predictions,
)
from dicetune.data.files.brackets import Tree, parse_brackets, plain_word
from dicetune.data.files.hub import names_data_set
from dicetune.data.files.json_objects import is_name, json_objects
from dicetune.data.files.text import Note, NoteBook, check_target, log_notes, read_lines, write_text
from dicetune.data.inspect import (
    MANY_UNKNOWN,
    PAPER_RATIOS,
    QA_PAPER_RATIOS,
    Conflict,
    Fact,
    Inspection,
    Leak,
    Ratio,
    SplitReport,
    SubwordCounter,
)
from dicetune.data.questions.corpus import (
    GoldAnswer,
    Question,
    QuestionCorpus,
    align_answer,
    inspect_questions,
)
from dicetune.data.questions.predictions import (
    AnswerRow,
    match_answers,
    read_answers,
    read_null_odds,
    with_null_odds,
    with_null_threshold,
)
from dicetune.data.questions.read import QUESTION_FORMATS, read_questions
from dicetune.data.tagged.conll import write_conll
from dicetune.data.tagged.corpus import (
    Corpus,
    PlainCorpus,
    Scheme,
    Sentence,
    check_labels,
    cut_words,
    inspect_tokens,
    label_names,
    plain_corpus,
)
from dicetune.data.tagged.inline import read_inline, sample_corpora
from dicetune.data.tagged.jsonl import write_jsonl
from dicetune.data.tagged.predictions import Predicted, Predictions, read_predictions
from dicetune.data.tagged.read import FORMATS, Guess, detect_format, guess_format, read_tokens
from dicetune.data.tagged.segmentation import (
    corpus_words,
    from_characters,
    inspect_segmentation,
    to_characters,
    word_breaks,
)
from dicetune.data.tagged.treebank import format_word_tags
from dicetune.data.texts.columns import TextColumns, TextLayout
from dicetune.data.texts.corpus import TextCorpus, TextExample, inspect_texts
from dicetune.data.texts.predictions import TextPredictions, read_text_predictions
from dicetune.data.texts.read import TEXT_FORMATS, read_texts
from dicetune.problems.schemes import convert, spans, split_tag, to_tags, violations

__all__ = [
    "ENTITY_FORMATS",
    "FORMATS",
    "MANY_UNKNOWN",
    "PAPER_RATIOS",
    "QA_PAPER_RATIOS",
    "QUESTION_FORMATS",
    "TEXT_FORMATS",
    "AnswerRow",
    "Conflict",
    "Corpus",
    "EntityCorpus",
    "EntitySentence",
    "EntitySpan",
    "Fact",
    "GoldAnswer",
    "Guess",
    "Inspection",
    "Leak",
    "Note",
    "NoteBook",
    "PlainCorpus",
    "Predicted",
    "Predictions",
    "Question",
    "QuestionCorpus",
    "Ratio",
    "Scheme",
    "Sentence",
    "SpanPredictions",
    "SplitReport",
    "SubwordCounter",
    "TextColumns",
    "TextCorpus",
    "TextExample",
    "TextLayout",
    "TextPredictions",
    "Tree",
    "align_answer",
    "check_labels",
    "check_target",
    "choose_queries",
    "convert",
    "corpus_words",
    "cut_words",
    "default_query",
    "detect_format",
    "entity_corpus",
    "format_word_tags",
    "from_characters",
    "guess_format",
    "inspect_entities",
    "inspect_questions",
    "inspect_segmentation",
    "inspect_texts",
    "inspect_tokens",
    "is_mrc",
    "is_name",
    "json_objects",
    "label_names",
    "log_notes",
    "match_answers",
    "names_data_set",
    "parse_brackets",
    "parse_contexts",
    "plain_corpus",
    "plain_word",
    "read_answers",
    "read_entities",
    "read_inline",
    "read_lines",
    "read_null_odds",
    "read_predictions",
    "read_queries",
    "read_questions",
    "read_span_predictions",
    "read_text_predictions",
    "read_texts",
    "read_tokens",
    "sample_corpora",
    "spans",
    "split_tag",
    "to_characters",
    "to_tags",
    "violations",
    "with_null_odds",
    "with_null_threshold",
    "word_breaks",
    "write_conll",
    "write_jsonl",
    "write_text",
]
