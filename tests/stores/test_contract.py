"""What the contract of stores refuses to be made of."""

from typing import Any

import pytest

from bucketpoint import InvalidInputError, Version


@pytest.mark.parametrize("token", ["", None, 17, b"etag"], ids=repr)
def test_a_version_is_made_of_a_text(token: Any) -> None:
    with pytest.raises(InvalidInputError, match="a non-empty string"):
        Version(token)
