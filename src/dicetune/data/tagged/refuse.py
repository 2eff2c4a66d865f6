"""Options that mean nothing for a format: refused, not ignored."""

from __future__ import annotations

from dicetune.errors import InputError, quoted


def no_columns(what: str, token_column: int | str | None, tag_column: int | str | None) -> None:
    """Refuse the choice of a column where a format has none.

    Args:
        what: has no columns, in the plural, for messages.
        token_column: that was chosen, if any.
        tag_column: that was chosen, if any.

    Raises:
        InputError: which was given.

    Example:
        >>> no_columns("trees", None, 3)
        Traceback (most recent call last):
        dicetune.errors.InputError: expected no tag_column for trees, which have no columns, got 3
    """
    for name, value in (("token_column", token_column), ("tag_column", tag_column)):
        if value is not None:
            raise InputError(
                f"expected no {name} for {what}, which have no columns, got {quoted(value)}"
            )


def no_scheme(what: str, scheme: str) -> None:
    """Refuse a span scheme where a format spells spans without tags.

    Args:
        what: has no tags, in the plural, for messages.
        scheme: that was chosen, or "auto".

    Raises:
        InputError: it was chosen.
    """
    if scheme != "auto":
        raise InputError(
            f"expected no scheme for {what}, which have no tags, got {quoted(scheme)}: it "
            f"means nothing "
            "there, leave it out"
        )
