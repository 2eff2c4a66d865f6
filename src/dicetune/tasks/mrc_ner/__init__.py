"""mrc-ner: named entities by a question for each type."""
