"""qa: extractive question answering."""
