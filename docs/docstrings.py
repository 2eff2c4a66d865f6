"""For the reference of the site: `Example:` of a docstring is a section of code to griffe."""

import re
from typing import Any

import griffe


class ExampleSections(griffe.Extension):
    """Griffe knows `Examples:` alone."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the sections of one docstring."""
        if obj.docstring:
            text = obj.docstring.value
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
