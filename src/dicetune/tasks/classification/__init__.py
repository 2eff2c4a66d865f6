"""Tasks that label whole texts: text, pair, multilabel."""
