"""Exports of annotation tools, from every tool to documents, and from documents to corpora."""
