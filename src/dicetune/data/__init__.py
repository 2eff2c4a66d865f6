"""Reading, checking and describing tagged text. Needs neither torch nor transformers."""

from dicetune.data.align_answers import align_answer
from dicetune.data.brackets import Tree, parse_brackets, plain_word
from dicetune.data.checks import check_labels, label_names
from dicetune.data.corpus import Corpus, Note, Scheme, Sentence
from dicetune.data.entities import EntityCorpus, EntitySentence, EntitySpan, entity_corpus
from dicetune.data.formats import FORMATS, detect_format
from dicetune.data.guess import Guess, guess_format
from dicetune.data.inline import read_inline
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
from dicetune.data.inspect_entities import inspect_entities
from dicetune.data.inspect_questions import QA_PAPER_RATIOS, inspect_questions
from dicetune.data.inspect_segmentation import inspect_segmentation
from dicetune.data.inspect_texts import inspect_texts
from dicetune.data.inspect_tokens import PAPER_RATIOS, inspect_tokens
from dicetune.data.labels import convert, spans, split_tag, to_tags, violations
from dicetune.data.open_text import read_lines
from dicetune.data.plain import PlainCorpus, cut_words, plain_corpus
from dicetune.data.predictions import Predicted, Predictions, read_predictions
from dicetune.data.queries import choose_queries, default_query, read_queries
from dicetune.data.questions import GoldAnswer, Question, QuestionCorpus, is_chinese
from dicetune.data.read import parse_tokens, read_tokens
from dicetune.data.read_entities import (
    ENTITY_FORMATS,
    entity_format,
    read_contexts,
    read_entities,
)
from dicetune.data.sample import sample_corpora
from dicetune.data.segmentation import (
    corpus_words,
    from_characters,
    to_characters,
    word_breaks,
)
from dicetune.data.span_predictions import SpanPredictions, read_span_predictions
from dicetune.data.squad import QUESTION_FORMATS, read_questions
from dicetune.data.squad_predictions import AnswerRow, match_answers, read_answers
from dicetune.data.text_columns import TextColumns
from dicetune.data.text_corpus import TextCorpus, TextExample
from dicetune.data.text_predictions import TextPredictions, read_text_predictions
from dicetune.data.text_rows import TextLayout
from dicetune.data.texts import TEXT_FORMATS, read_texts
from dicetune.data.words_tags import format_word_tags
from dicetune.data.write import check_target, write_conll, write_jsonl, write_text

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
    "entity_format",
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
    "is_chinese",
    "label_names",
    "match_answers",
    "parse_brackets",
    "parse_tokens",
    "place_of",
    "plain_corpus",
    "plain_word",
    "read_answers",
    "read_contexts",
    "read_entities",
    "read_inline",
    "read_lines",
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
    "word_breaks",
    "write_conll",
    "write_jsonl",
    "write_text",
]
