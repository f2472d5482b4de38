"""What keys and operators are called elsewhere, in GTM and in everyday words, and what they are called here."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[^a-z0-9<>=!~*^$]+")

_NOT = frozenset({"not", "no", "isnt", "doesnt", "dont", "isn", "doesn", "never", "without", "non"})
_OPPOSED = (
    _NOT | {"exclude", "excluded", "except", "exception", "exceptions", "block", "blocked", "blocking", "unless"},
    frozenset({"less", "below", "under", "smaller", "fewer"}),
    frozenset({"greater", "more", "above", "over", "bigger"}),
    frozenset({"starts", "start", "begins", "begin"}),
    frozenset({"ends", "end"}),
    frozenset({"disabled", "disable", "inactive", "off"}),
    frozenset({"enabled", "enable", "active"}),
)
"""Words that turn the meaning of a name round: a name with one of them is never taken for one without."""

OPERATORS: Mapping[str, str] = {
    **dict.fromkeys((">", "gt", "more_than", "above", "bigger_than", "is_greater_than"), "greater_than"),
    **dict.fromkeys(
        (">=", "gte", "ge", "at_least", "min", "greater_than_or_equal", "greater_than_or_equal_to"), "greater_or_equal"
    ),
    **dict.fromkeys(("<", "lt", "below", "smaller_than", "is_less_than"), "less_than"),
    **dict.fromkeys(
        ("<=", "lte", "le", "at_most", "max", "less_than_or_equal", "less_than_or_equal_to"), "less_or_equal"
    ),
    **dict.fromkeys(("=", "==", "===", "eq", "is", "equal_to", "equals_to", "is_equal_to"), "equals"),
    **dict.fromkeys(("!=", "!==", "<>", "ne", "neq", "not_equal_to"), "does_not_equal"),
    **dict.fromkeys(("in", "one_of", "any_of", "is_in", "is_any_of"), "is_one_of"),
    **dict.fromkeys(("nin", "not_in", "is_not", "is_not_in", "none_of", "is_none_of", "not_any_of"), "is_not_one_of"),
    **dict.fromkeys(("regex", "regexp", "matches", "match", "~", "=~", "re", "matches_re2"), "matches_regex"),
    **dict.fromkeys(("!~", "not_regex"), "does_not_match_regex"),
    **dict.fromkeys(("includes", "has", "like"), "contains"),
    **dict.fromkeys(("begins_with", "startswith", "prefix", "^=", "^"), "starts_with"),
    **dict.fromkeys(("endswith", "suffix", "$=", "$"), "ends_with"),
    **dict.fromkeys(("range", "in_range"), "between"),
    **dict.fromkeys(("exists", "is_defined", "defined", "present", "is_present"), "is_set: true"),
    **dict.fromkeys(
        ("is_undefined", "undefined", "is_missing", "is_null", "unset", "is_unset", "does_not_exist"), "is_set: false"
    ),
    **dict.fromkeys(("empty", "is_blank", "blank"), "is_empty: true"),
    **dict.fromkeys(("cidr", "in_network", "in_subnet", "ip_in", "network"), "is_in_network"),
}
"""Operators under other names. A negation leads to a negation only."""

_OF_AN_ITEM = (
    ("contents", "write it in each item of `contents`"),
    ("properties", "write it under `properties`"),
    ("custom", "write it under `custom`"),
)

_FOUND = "take it out: the tag finds page, visitor and device in the event by itself"


def _of_meta(tiktoks: str) -> tuple[tuple[str, str], ...]:
    """A field of a person under Meta's name. Who has an `event_source` is TikTok's tag."""
    return (
        (tiktoks, f"write `{tiktoks}`"),
        ("event_source", f"write `{tiktoks}` under `user`"),
        ("user", "write it under `user`"),
    )


def _id_of(vendor: str, other: str, key: str, own: str) -> tuple[tuple[str, str], ...]:
    """An id that one vendor gives a visitor. `key`: what its tag alone has; `own`: what the other has instead."""
    told = f"take it out: it is {vendor}'s, and {other}'s own is `{own}` of `user`"
    return (key, "write it under `user`"), ("user", told), (own, told)


KEYS: Mapping[str, tuple[tuple[str, str], ...]] = {
    **dict.fromkeys(
        ("blocking_triggers", "blocking_trigger_id", "exclude_triggers", "blocking", "blockers", "blocked_by",
         "excluded_triggers", "except_triggers", "exclude", "unless", "not_triggers", "exception_triggers"),
        (("exceptions", "write `exceptions`"),),
    ),
    **dict.fromkeys(
        ("firing_triggers", "firing_trigger_id", "fires_on", "fire_on", "firing"), (("triggers", "write `triggers`"),)
    ),
    **dict.fromkeys(
        ("enabled", "active", "is_active", "on", "live"),
        (("paused", "write `paused: true` for a tag that is not to fire, and nothing for one that is"),),
    ),
    **dict.fromkeys(("disabled", "inactive", "is_paused", "off", "pause"), (("paused", "write `paused`"),)),
    **dict.fromkeys(("firing_option", "tag_firing_option"), (("once_per", "write `once_per: {key: …, within: …}`"),)),
    **dict.fromkeys(("body", "payload", "post_data"), (("json", "write `json` for a mapping, or `text`"),)),
    "data": (("status", "write `json: {data: …}`: the body is compared from its top"), ("json", "write `json`")),
    "rows": (("table", "write `table: {input: value}`"),),
    **dict.fromkeys(("map", "mapping", "lookup"), (("table", "write `table`"), ("rows", "write `rows`"))),
    "table": (("rows", "write `rows: [{pattern: …, value: …}]`"),),
    "to": (("as", "write `as`"),),
    **dict.fromkeys(("name", "cookie_name"), (("decode", "write `cookie`"),)),
    "event_name": (("events", "write `events`"), ("event", "write `event`")),
    **dict.fromkeys(("user_data", "customer", "user_properties"), (("user", "write `user`"),)),
    **dict.fromkeys(
        ("contents", "value", "currency", "content_type", "content_ids", "content_id", "order_id", "num_items",
         "search_string", "shop_id"),
        (("properties", "write it under `properties`"), ("custom", "write it under `custom`")),
    ),
    **dict.fromkeys(("content_category", "content_name", "category", "brand", "price", "quantity"), _OF_AN_ITEM),
    "external_id": (("user", "write it under `user`"),),
    "ttclid": _id_of("TikTok", "Meta", "event_source", "fbc"),
    "ttp": _id_of("TikTok", "Meta", "event_source", "fbp"),
    "fbc": _id_of("Meta", "TikTok", "action_source", "ttclid"),
    "fbp": _id_of("Meta", "TikTok", "action_source", "ttp"),
    **{
        name: _of_meta(tiktoks)
        for name, tiktoks in (
            *(("em", "email"), ("ph", "phone"), ("fn", "first_name"), ("ln", "last_name"), ("ct", "city")),
            *(("st", "state"), ("zp", "zip_code"), ("client_ip_address", "ip"), ("client_user_agent", "user_agent")),
        )
    },
    "custom": (("properties", "write `properties`"),),
    "action_source": (("event_source", "write `event_source`"),),
    "context": (("triggers", _FOUND),),
    **dict.fromkeys(
        ("tracking_id", "stream_id", "ga_id", "property_id", "send_to", "target_id", "data_stream_id"),
        (("measurement_id", "write `measurement_id`"),),
    ),
    **dict.fromkeys(
        ("exclude_parameters", "excluded_parameters", "remove_parameters", "parameters_to_exclude", "drop"),
        (("drop_parameters", "write `drop_parameters`"),),
    ),
    **dict.fromkeys(("anonymize_ip", "redact_visitor_ip"), (("redact_ip", "write `redact_ip`"),)),
    **dict.fromkeys(("transport_url", "server_container_url"), (("endpoint", "write `endpoint`"),)),
    "email": (("user", "write it under `user`"), ("em", "write `em`")),
    "phone": (("user", "write it under `user`"), ("ph", "write `ph`")),
    "first_name": (("fn", "write `fn`"),),
    "last_name": (("ln", "write `ln`"),),
    "city": (("ct", "write `ct`"),),
    "state": (("st", "write `st`"),),
    **dict.fromkeys(("zip_code", "postal_code", "zip"), (("zp", "write `zp`"),)),
    **dict.fromkeys(("ip", "ip_address"), (("client_ip_address", "write `client_ip_address`"),)),
    "user_agent": (("client_user_agent", "write `client_user_agent`"),),
    "custom_data": (("custom", "write `custom`"),),
    "app_data": (("app", "write `app`"),),
    **dict.fromkeys(
        ("limited_data_use", "ldu"), (("data_processing_options", "write `data_processing_options: [LDU]`"),)
    ),
    **dict.fromkeys(("test_code", "test_event"), (("test_event_code", "write `test_event_code`"),)),
    **dict.fromkeys(("pixel", "pixel_code"), (("pixel_id", "write `pixel_id`"),)),
    "event_source": (("action_source", "write `action_source`"), ("pixel_id", "write `pixel_id`")),
    **dict.fromkeys(("conditions", "condition", "filter", "filters", "if", "where"), (("when", "write `when`"),)),
    "url": (("query", "write its `path`, and its `query` as text"),),
    **dict.fromkeys(("params", "parameters", "event_data"), (("data", "write `data`"),)),
    "properties": (("data", "write `data`"), ("custom", "write `custom`")),
    "cookies": (("headers", 'write `headers: {cookie: "name=value; other=value"}`'),),
}  # fmt: skip
"""Keys under other names: a key that has to be possible at the place, and what to write there."""

TYPES: Mapping[str, tuple[str, ...]] = {
    "meta_conversions_api": (
        *("meta", "facebook", "fb", "meta_capi", "facebook_capi", "fb_capi", "capi", "conversions_api", "meta_pixel"),
        *("facebook_conversions_api", "facebook_pixel", "instagram"),
    ),
    "tiktok_events_api": ("tiktok", "tik_tok", "tiktok_capi", "tiktok_pixel", "events_api", "tiktok_api", "tt"),
    "ga4": (
        *("google_analytics", "google_analytics_4", "google_analytics_ga4", "ga", "gtag", "analytics", "gaawe"),
        *("gaawc", "ga_4", "google_tag", "ga4_event", "measurement_protocol"),
    ),
    "http_request": ("http", "webhook", "request", "json_http_request", "url", "pixel", "image", "custom_image"),
}
"""Types of tags under other names, everyday ones and GTM's."""

_TYPE_OF = {name: meant for meant, names in TYPES.items() for name in names}

_TOKENS = ("token", "api_token", "auth_token", "key", "api_key", "secret", "api_secret", "bearer", "password")


def words_of(name: str) -> tuple[str, ...]:
    """`does_not_equal`, `doesNotEqual` and `Does not equal` are the same words."""
    return tuple(
        word for word in _BETWEEN.split(_HUMP.sub("_", name.replace("RegEx", "Regex")).lower().replace("'", "")) if word
    )


def means_otherwise(name: str, other: str) -> bool:
    """Whether one of the names holds a word that turns its meaning round, and the other does not."""
    if name.startswith("!") != other.startswith("!"):
        return True
    first, second = frozenset(words_of(name)), frozenset(words_of(other))
    return any(bool(first & words) != bool(second & words) for words in _OPPOSED)


def for_type(name: str, types: Collection[str]) -> str:
    """What to write for a type of a tag that does not exist."""
    written = "_".join(words_of(name))
    meant = written if written in types else _TYPE_OF.get(written, "")
    return f"write `{meant}`" if meant in types else ""


def for_key(name: str, known: Collection[str], secrets: Collection[str]) -> str:
    """What to write for a key that does not exist, among those that may stand there. `secrets`: fields for secrets."""
    written = "_".join(words_of(name))
    found = next((hint for needed, hint in KEYS.get(written, ()) if needed in known), "")
    if not found and "pattern" in known and not re.fullmatch(r"[a-z_]+", name):
        return f"write a list of rows: - {{pattern: '{name}', value: …}}"
    if not found and written in _TOKENS:
        found = next((f"write `{key}`" for key in known if key in secrets), "")
    return found


def for_operator(name: str, value: object, operators: Collection[str]) -> str:
    """What to write for an operator that does not exist. `value`: what stands on its right side."""
    words = words_of(name)
    if words[-2:] in (("ignore", "case"), ("case", "insensitive")):
        base = for_operator("_".join(words[:-2]), value, operators) or f"write `{'_'.join(words[:-2])}`"
        return f"{base}, and `ignore_case: true` beside it"
    meant = OPERATORS.get("_".join(words) or name) or _same_words(words, operators)
    if meant is None:
        return ""
    operator, _, expected = meant.partition(": ")
    if expected:
        return f"write `{operator}: {_flipped(expected) if value is False else expected}`"
    if operator == "is_not_one_of" and words[-1:] == ("not",) and not isinstance(value, (list, tuple)):
        return "write `does_not_equal`, or `is_not_one_of` for several values"
    return f"write `{operator}`" if operator in operators else ""


def _same_words(words: tuple[str, ...], operators: Collection[str]) -> str | None:
    """The operator with the same words and the same meaning, whatever their grammar."""
    negated = bool(_NOT & frozenset(words))
    core = _core(words)
    for each in operators:
        own = words_of(each)
        if core and _core(own) == core and ("not" in own) == negated:
            return each
    positive = next((each for each in operators if _core(words_of(each)) == core), None) if core and negated else None
    if positive in ("is_set", "is_empty"):
        return f"{positive}: false"
    meant = _BY_CORE.get(core) if negated and positive is None else None
    if meant in ("is_set: true", "is_empty: true"):
        return meant.replace("true", "false")
    return _same_words(("not", *words_of(meant)), operators) if meant else None


def _core(words: tuple[str, ...]) -> tuple[str, ...]:
    left = (word for word in words if word not in _NOT and word not in ("is", "does", "do", "t"))
    return tuple(word.removesuffix("es") if word == "matches" else word.removesuffix("s") for word in left)


_BY_CORE = {
    _core(words_of(name)): meant
    for name, meant in OPERATORS.items()
    if "not" not in words_of(meant) and "false" not in meant
}


def _flipped(expected: str) -> str:
    return "false" if expected == "true" else "true"
