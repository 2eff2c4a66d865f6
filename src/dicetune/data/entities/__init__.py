"""Sentences with entities by place, which may be nested, and the queries that ask for them."""
