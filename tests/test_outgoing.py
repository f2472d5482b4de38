"""What is written into a page of somebody else's stays inside its script element."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from container.outgoing import script_text
from tests.test_shape import JSON, nested


@given(value=JSON)
def test_a_value_in_a_script_is_json_that_ends_neither_the_script_nor_the_line(value: object) -> None:
    written = script_text(value)
    assert not {"<", "\n", "\u2028", "\u2029"} & set(written)
    assert json.loads(written) == json.loads(json.dumps(value))


@pytest.mark.parametrize("value", ["</script>", "\u2028", "é", 72.5, {"a": ["<!--"]}])
def test_a_value_in_a_script_means_what_it_was(value: object) -> None:
    assert json.loads(script_text(value)) == value


def test_what_cannot_be_written_is_nothing() -> None:
    assert script_text(nested(500)) == "null"
