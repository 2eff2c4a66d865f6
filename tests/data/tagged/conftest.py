"""What the tests of readers share: a file of the text of a test."""

import pytest


@pytest.fixture
def file(tmp_path, request):
    """Function from text or bytes to a file of the module's ``NAME``, or of another name."""

    def write(content, name=None):
        path = tmp_path / (name or request.module.NAME)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
