"""What the language's words mean: missing, empty and set, and what becomes of a value that is one of them."""

from __future__ import annotations

WORDS = """## Missing, empty, set

These words have one meaning everywhere in this reference.

| a value | is | `is_set` | `is_empty` | as a setting, in `first_of` | in `json:` | inside text |
|---|---|---|---|---|---|---|
| no such key, cookie or parameter; null | **missing**, and so empty | no | yes | passed over | left out | nothing |
| `""`, `[]`, `{}` | set, but **empty** | yes | yes | passed over | sent | nothing, `[]`, `{}` |
| all else: text, a blank, `0`, `false` | **set** | yes | no | taken | sent | its text form |

Null and missing are one. The `default` of `event_data` and the `undefined_to` of `format` stand in for a missing value
only: an empty text stays."""

FORMAT = """`format` works in this order: `trim`, `case`, then `null_to` and `undefined_to` (both stand in for a
[missing](operators.md#missing-empty-set) value), `true_to` and `false_to`, then `as`. What `as` cannot make one of its
type is missing; that, and the true and false that it makes, are replaced in the same way. A replacement is final: it is
not replaced again. `why` says when a value was not of the type."""

WITHOUT_VALUE = """A field whose references are [empty](operators.md#missing-empty-set) counts as not written, so its
default takes its place: `order_id: "{{ My Order }}"` without a value is the usual `transaction_id`. A value of the
wrong kind is left out, and `why` says so. A tag that has no value for a field that it needs is `incomplete`."""

OF_A_PAGE = {
    "tag": """A field whose references are [empty](operators.md#missing-empty-set) counts as not written: its default
takes its place. A value of the wrong kind is left out, and `why` says so. Without a value that it needs the tag is
`incomplete`.""",
    "variable": """A field whose references are [empty](operators.md#missing-empty-set) counts as not written. A
value of the wrong kind is left out, and `why` says so. Without a value that it needs the variable is missing.""",
}
"""What a page says about fields without a usable value, by kind of component."""
