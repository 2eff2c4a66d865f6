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
    parse_contexts,
    read_entities,
    read_span_predictions,
)
from dicetune.data.files.hub import names_data_set
from dicetune.data.files.text import (
    Entries,
    Note,
    NoteBook,
    check_target,
    log_notes,
    read_lines,
    write_parts,
    write_text,
)
from dicetune.data.inspect import MANY_UNKNOWN, Fact, Inspection, Ratio, SplitReport
from dicetune.data.questions.corpus import GoldAnswer, Question, QuestionCorpus, inspect_questions
from dicetune.data.questions.predictions import (
    AnswerRow,
    match_answers,
    read_answers,
    read_null_odds,
    with_null_odds,
    with_null_threshold,
)
from dicetune.data.questions.read import read_questions
from dicetune.data.tagged.conll import write_conll
from dicetune.data.tagged.corpus import (
    Corpus,
    check_labels,
    inspect_tokens,
    label_names,
    plain_corpus,
)
from dicetune.data.tagged.predictions import Predicted, read_predictions
from dicetune.data.tagged.read import (
    FORMATS,
    Guess,
    detect_format,
    guess_format,
    read_tokens,
    sample_corpora,
)
from dicetune.data.tagged.segmentation import (
    corpus_words,
    inspect_segmentation,
    to_characters,
    word_breaks,
)
from dicetune.data.tagged.sentences import Sentence
from dicetune.data.tagged.treebank import format_word_tags
from dicetune.data.texts.columns import TextColumns, TextLayout
from dicetune.data.texts.corpus import TextCorpus, TextExample, inspect_texts
from dicetune.data.texts.predictions import TextPredictions, read_text_predictions
from dicetune.data.texts.read import read_texts
from dicetune.problems.schemes import convert, spans, to_tags
