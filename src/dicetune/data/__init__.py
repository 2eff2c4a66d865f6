"""Reading, checking and describing tagged text. Needs neither torch nor transformers."""

from dicetune.data.entities.corpus import EntityCorpus, EntitySentence, EntitySpan, entity_corpus
from dicetune.data.entities.inspect import inspect_entities
from dicetune.data.entities.mrc import choose_queries, default_query, is_mrc, read_queries
from dicetune.data.entities.predictions import SpanPredictions, read_span_predictions
from dicetune.data.entities.read import (
    ENTITY_FORMATS,
    parse_contexts,
    read_entities,
)
from dicetune.data.files.brackets import Tree, parse_brackets, plain_word
from dicetune.data.files.hub import names_data_set
from dicetune.data.files.json_lines import is_name, json_objects
from dicetune.data.files.notes import Note, NoteBook
from dicetune.data.files.open_text import read_lines
from dicetune.data.files.write import check_target, write_text
from dicetune.data.inspect import (
    MANY_UNKNOWN,
    Conflict,
    Fact,
    Inspection,
    Leak,
    Ratio,
    SplitReport,
    SubwordCounter,
    duplicates,
    find_conflicts,
    find_leaks,
    place_of,
    subword_facts,
    unknown_warnings,
)
from dicetune.data.questions.corpus import GoldAnswer, Question, QuestionCorpus
from dicetune.data.questions.inspect import QA_PAPER_RATIOS, inspect_questions
from dicetune.data.questions.offsets import align_answer
from dicetune.data.questions.predictions import (
    AnswerRow,
    match_answers,
    read_answers,
    read_null_odds,
    with_null_odds,
    with_null_threshold,
)
from dicetune.data.questions.read import QUESTION_FORMATS, read_questions
from dicetune.data.sample import sample_corpora
from dicetune.data.tagged.checks import check_labels, label_names
from dicetune.data.tagged.corpus import Corpus, Scheme, Sentence
from dicetune.data.tagged.formats import FORMATS, detect_format
from dicetune.data.tagged.guess import Guess, guess_format
from dicetune.data.tagged.inline import read_inline
from dicetune.data.tagged.inspect import PAPER_RATIOS, inspect_tokens
from dicetune.data.tagged.inspect_segmentation import inspect_segmentation
from dicetune.data.tagged.labels import convert, spans, split_tag, to_tags, violations
from dicetune.data.tagged.plain import PlainCorpus, cut_words, plain_corpus
from dicetune.data.tagged.predictions import Predicted, Predictions, read_predictions
from dicetune.data.tagged.read import parse_tokens, read_tokens
from dicetune.data.tagged.segmentation import (
    corpus_words,
    from_characters,
    to_characters,
    word_breaks,
)
from dicetune.data.tagged.words_tags import format_word_tags
from dicetune.data.tagged.write import write_conll, write_jsonl
from dicetune.data.texts.columns import TextColumns, TextLayout
from dicetune.data.texts.corpus import TextCorpus, TextExample
from dicetune.data.texts.inspect import inspect_texts
from dicetune.data.texts.predictions import TextPredictions, read_text_predictions
from dicetune.data.texts.read import TEXT_FORMATS, read_texts

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
    "duplicates",
    "entity_corpus",
    "find_conflicts",
    "find_leaks",
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
    "match_answers",
    "names_data_set",
    "parse_brackets",
    "parse_contexts",
    "parse_tokens",
    "place_of",
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
    "subword_facts",
    "to_characters",
    "to_tags",
    "unknown_warnings",
    "violations",
    "with_null_odds",
    "with_null_threshold",
    "word_breaks",
    "write_conll",
    "write_jsonl",
    "write_text",
]
