"""Extractive question answering: questions, contexts and answers by offsets."""
