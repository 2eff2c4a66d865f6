"""Tasks that label words or characters: ner, pos, seg-pos."""
