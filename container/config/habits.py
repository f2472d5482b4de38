"""Values that other tools understand otherwise: right as they stand, and hardly meant so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from container.config.draft import Draft, Owner
from container.config.fill import reference_places
from container.config.model import TagModel, TransformationModel, VariableModel
from container.config.patterns import named_groups
from container.config.problem import Level, did_you_mean
from container.config.references import BUILT_IN
from container.config.sections import Read, named_nodes
from container.config.source import Entry, Listing, Node, Scalar, Table
from container.config.unquoted import quoted
from container.fields import Pattern
from container.normalise.telephone import is_region

_CATCH_ALL = frozenset({"", ".*", ".+", "^", "$", "^.*$", "^.+$", "^.*", ".*$", "(.*)", "^(.*)$", "(.+)", "^(.+)$"})
_SLASHES = re.compile(r"/(.+)/([a-z]{0,4})")
_GROUP = re.compile(r"\$([1-9])")
_BACKSLASH_GROUP = re.compile(r"\\([1-9])")
_NAMED_GROUP = re.compile(r"(?<!\$)\$\{?(\w+)")
_ALTERNATIVES = re.compile(r"[^\s|]+(?:\|[^\s|]+)+|.*\.\*.*")
_HOSTNAME = "Page Hostname"
_NOT_IN_HOSTNAMES = re.compile(r"^[a-z]+://|[/:*?\s].*$|^\.\*\.?")
_BOOLEANS = frozenset({"True", "False", "TRUE", "FALSE"})
_JSON = re.compile(r"\{(?!\{)|\[")
_REFERENCE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_CURRENCIES = {"€": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "dollar": "USD", "£": "GBP", "us$": "USD"}
_CHOICES = ("is_one_of", "is_not_one_of", "is_in_network", "is_not_in_network")
_WHOLE = ("equals", "does_not_equal", "starts_with", "does_not_start_with", "ends_with", *_CHOICES[:2])
_OFTEN_HIDDEN = ("user_data", "user_id", "client_id", "ip_override", "user_agent", "page_location", "page_referrer")
"""Parameters that people take away: a misspelt one would go out after all."""
_ONLY_WITH = {"lead": "crm", "app": "app"}


def check_conditions(draft: Draft, owner: Owner, entries: Mapping[str, Entry]) -> None:
    """Warns of right sides in conditions, and of shares, that look like those of another tool."""
    share = entries.get("sample_percent")
    stated = share.value.value if share is not None and isinstance(share.value, Scalar) else None
    if share is not None and isinstance(stated, float) and 0 < stated < 1:
        sentence = f"{owner}: this is less than one of a hundred visitors"
        hint = f"write {stated * 100:g} for {stated * 100:g} of a hundred"
        draft.report("wrong-type", share.value.place, sentence, hint=hint, level="warning")
    for node in named_nodes(entries.get("events_matching")):
        if isinstance(node, Scalar) and (odd := _slashes(node.text, "", always=True)):
            draft.report("wrong-type", node.place, f"{owner}: {odd[0]}", hint=odd[1], level="warning")
    for key, entry, left in _operators(entries.get("when")):
        if key in _CHOICES and isinstance(entry.value, Listing) and not entry.value.items:
            sentence = f"{owner}: nothing is one of an empty list"
            draft.report("wrong-type", entry.value.place, sentence, hint="write the choices", level="warning")
        for node in (each for each in named_nodes(entry) if isinstance(each, Scalar)):
            if found := _other_dialect(key, node) or _impossible(left, key, node.text):
                draft.report("wrong-type", node.place, f"{owner}: {found[0]}", hint=found[1], level="warning")


def check_tags(draft: Draft, tags: Mapping[str, Read[TagModel]], variables: Mapping[str, Read[VariableModel]]) -> None:
    """Warns of fixed values in tags that should not be fixed, or not so."""
    random = {name for name, each in variables.items() if each.model and each.model.component.type == "random_number"}
    random.add("Random Number")
    for tag in tags.values():
        _once_per(draft, tag, random)
        for key, node in _scalars(tag.entries):
            if found := _odd_value(key, node):
                level: Level = "error" if key == "phone_region" else "warning"
                draft.report("wrong-type", node.place, f"{tag.owner}: {found[0]}", hint=found[1], level=level)
        _surroundings(draft, tag)
        _event_id(draft, tag, random)


def check_tables(draft: Draft, variables: Mapping[str, Read[VariableModel]]) -> None:
    """Warns of keys, rows and names that never match."""
    known = {*BUILT_IN, *variables}
    for variable in variables.values():
        _names_as_text(draft, variable, known)
        _hostnames(draft, variable)
        _regex_rows(draft, variable)
        key = variable.entries.get("key")
        if key is not None and isinstance(key.value, Scalar):
            _event_prefix(draft, variable.owner, key.value)


def check_parameters(draft: Draft, transformations: Mapping[str, Read[TransformationModel]]) -> None:
    """Warns of paths that lead nowhere, and of tags that are named in vain."""
    for each in transformations.values():
        parameters = each.entries.get("parameters")
        taken = parameters is not None and not isinstance(parameters.value, Table)
        names = parameters.value.entries if parameters is not None and isinstance(parameters.value, Table) else {}
        for node in (*named_nodes(parameters), *(entry.key for entry in names.values())):
            if not isinstance(node, Scalar):
                continue
            _event_prefix(draft, each.owner, node)
            head = node.text.partition(".")[0]
            if head not in _OFTEN_HIDDEN and (hint := did_you_mean(head, _OFTEN_HIDDEN, cutoff=0.85)):
                sentence = f'{each.owner}: no event has "{head}", as far as is known here'
                draft.report("wrong-type", node.place, sentence, hint=hint, level="warning")
            if taken and node.text == "event_name":
                sentence = f"{each.owner}: the name of the event is no parameter and always stays"
                hint = "take it out; `augment_event` can change it"
                draft.report("wrong-type", node.place, sentence, hint=hint, level="warning")
        wanted = {node.text for node in named_nodes(each.entries.get("tags")) if isinstance(node, Scalar)}
        for node in named_nodes(each.entries.get("except_tags")):
            if isinstance(node, Scalar) and node.text in wanted:
                sentence = f'{each.owner}: "{node.text}" stands under `tags` too, and sees the event as it came'
                draft.report("wrong-type", node.place, sentence, hint="take it out of one of the two", level="warning")


def _operators(entry: Entry | None) -> Iterator[tuple[str, Entry, str]]:
    """The operators of conditions at any depth, each with its right side and the variable on its left."""
    waiting: list[Node] = [] if entry is None else [entry.value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Listing):
            waiting += node.items
        elif isinstance(node, Table):
            left = node.entries.get("variable") or node.entries.get("value")
            name = left.value.text if left is not None and isinstance(left.value, Scalar) else ""
            for key, each in node.entries.items():
                if key in ("any", "all", "not"):
                    waiting.append(each.value)
                elif key not in ("variable", "value"):
                    yield key, each, name.removeprefix("{{").removesuffix("}}").strip()


def _impossible(left: str, key: str, written: str) -> tuple[str, str] | None:
    """What a built-in variable never is, and what to write."""
    if key not in _WHOLE or "{{" in written or not written:
        return None
    if left == "Page Path" and not written.startswith("/") and key != "ends_with":
        if "://" in written:
            return "a path has no scheme and no host", "compare `Page URL`, or write the path alone"
        return "a path begins with /", f"write /{written}"
    if left == _HOSTNAME and ("/" in written or written != written.lower()):
        bare = written.lower().partition("://")[2] or written.lower()
        return "a host name has no scheme, no path and no capital letters", f"write {bare.partition('/')[0]}"
    return None


def _other_dialect(key: str, node: Scalar) -> tuple[str, str] | None:
    """What is odd about the right side of an operator, and what to write."""
    written = node.text
    if not written and key in ("contains", "starts_with", "ends_with"):
        return "every text has nothing in it, so this always holds", "write the text, or `is_set: true`"
    if key in ("equals", "does_not_equal", "is_one_of", "is_not_one_of") and node.plain and written in _BOOLEANS:
        return f'"{written}" is text, and a boolean is compared as "{written.lower()}"', f"write {written.lower()}"
    if key in ("matches_regex", "does_not_match_regex") and (found := _slashes(written, " and `ignore_case: true`")):
        return found
    if key in ("starts_with", "does_not_start_with") and written.startswith("^") and len(written) > 1:
        return "this is text and no pattern, so the ^ has to be there", f"write {quoted(written[1:])}"
    if key in ("ends_with", "does_not_end_with") and written.endswith("$") and len(written) > 1:
        return "this is text and no pattern, so the $ has to be there", f"write {quoted(written[:-1])}"
    if key in ("contains", "does_not_contain") and "{{" not in written and _ALTERNATIVES.fullmatch(written):
        meant = "matches_regex" if key == "contains" else "does_not_match_regex"
        return "this is text and no pattern", f"write `{meant}: {quoted(written)}` for a pattern"
    return None


def _slashes(written: str, beside: str = "", *, always: bool = False) -> tuple[str, str] | None:
    """Slashes around a pattern, in words. A path may have them unless more speaks for it; no name of an event has.

    `beside`: what ignores case there; without it the pattern itself says so.
    """
    found = _SLASHES.fullmatch(written)
    if found is None or not (always or found[2] or found[1][0] == "^"):
        return None
    pattern, ignored = found[1], "i" in found[2]
    meant = quoted(f"(?i){pattern}" if ignored and not beside else pattern) + (beside if ignored else "")
    return "the slashes belong to this pattern, and so do letters behind them", f"write {meant}"


def _once_per(draft: Draft, tag: Read[TagModel], random: set[str]) -> None:
    entry = tag.entries.get("once_per")
    key = entry.value.entries.get("key") if entry is not None and isinstance(entry.value, Table) else None
    if key is None or not isinstance(key.value, Scalar) or not key.value.text:
        return
    hint = 'write what is new for each order, such as `key: "{{ event.transaction_id }}"`'
    if "{{" not in key.value.text:
        sentence = f"{tag.owner}: this key is the same for every event, so the tag fires once for everybody"
        draft.report("wrong-type", key.value.place, sentence, hint=hint, level="warning")
    elif _is_random(key.value.text, random):
        sentence = f"{tag.owner}: this key is new for every event, so it never limits"
        place = reference_places(key.value)[0]
        draft.report("wrong-type", place, sentence, hint=hint, level="warning")


def _event_id(draft: Draft, tag: Read[TagModel], random: set[str]) -> None:
    """An id of which the browser knows nothing, beside a pixel."""
    entry = tag.entries.get("event_id")
    browser = tag.entries.get("browser")
    pixel = browser.value.entries.get("pixel") if browser is not None and isinstance(browser.value, Table) else None
    if entry is not None and isinstance(entry.value, Scalar) and "{" not in entry.value.text and entry.value.text:
        sentence = f"{tag.owner}: every event has this one id, so the vendor counts one of them"
        hint = 'write a reference, such as "{{ event.event_id }}", or take the line out'
        draft.report("wrong-type", entry.value.place, sentence, hint=hint, level="warning")
        return
    if entry is None or (pixel is not None and isinstance(pixel.value, Scalar) and pixel.value.value is False):
        return
    if isinstance(entry.value, Scalar) and _is_random(entry.value.text, random):
        sentence = f"{tag.owner}: the pixel does not know this id, so every conversion counts twice"
        hint = "take the line out, or name the id that the page gives to the pixel too"
        draft.report("wrong-type", reference_places(entry.value)[0], sentence, hint=hint, level="warning")


def _is_random(written: str, random: set[str]) -> bool:
    return not random.isdisjoint(_REFERENCE.findall(written))


def _scalars(entries: Mapping[str, Entry]) -> Iterator[tuple[str, Scalar]]:
    """The single values of a tag, those of its mappings included."""
    for key, entry in entries.items():
        if isinstance(entry.value, Scalar):
            yield key, entry.value
        elif isinstance(entry.value, Table) and key == "properties":
            yield from _scalars(entry.value.entries)


def _odd_value(key: str, node: Scalar) -> tuple[str, str] | None:
    written = node.text.strip()
    if key == "json" and written.endswith(("}", "]")) and _JSON.match(written):
        return "this is one text, not JSON", "write it without the quotes around it, as a mapping or a list"
    if not written or "{{" in written or "${" in written:
        return None
    if key == "phone_region" and not is_region(written):
        return '"phone_region" takes a country in two letters', "write it as in ISO 3166, such as DE"
    if key == "currency" and not _CURRENCY.fullmatch(written):
        return "a currency is three letters", f"write {_CURRENCIES.get(written.lower(), 'EUR')}"
    if key == "test_event_code":
        return "all events of this tag go to the vendor's test, and none is counted", "take it out before you publish"
    return None


def _surroundings(draft: Draft, tag: Read[TagModel]) -> None:
    """Parts of a tag that its `event_source` never sends."""
    source = getattr(tag.model.settings, "event_source", None) if tag.model is not None else None
    for key, wanted in _ONLY_WITH.items():
        if source is not None and key in tag.entries and source != wanted:
            sentence = f'{tag.owner}: "{key}" is sent with `event_source: {wanted}` only, and this is "{source}"'
            draft.report("unknown-key", tag.entries[key].key.place, sentence, level="warning")


def _names_as_text(draft: Draft, variable: Read[VariableModel], known: set[str]) -> None:
    for node in named_nodes(variable.entries.get("values")):
        if isinstance(node, Scalar) and node.text in known:
            sentence = f'{variable.owner}: "{node.text}" is text here, not the value of that variable'
            hint = f'write "{{{{ {node.text} }}}}"'
            draft.report("wrong-type", node.place, sentence, hint=hint, level="warning")


def _hostnames(draft: Draft, variable: Read[VariableModel]) -> None:
    entry, table = variable.entries.get("input"), variable.entries.get("table")
    if entry is None or table is None or not isinstance(entry.value, Scalar) or not isinstance(table.value, Table):
        return
    whole = _REFERENCE.fullmatch(entry.value.text)
    if whole is None or whole[1] != _HOSTNAME:
        return
    for key, row in table.value.entries.items():
        host = _host(key)
        if host != key:
            sentence = f'{variable.owner}: no page has the host name "{key}"'
            hint = f"write {host}" if host else "write a host name, such as www.shop.example"
            if "*" in key:
                hint = "write the host names one by one, or take `regex_table`"
            draft.report("wrong-type", row.key.place, sentence, hint=hint, level="warning")


def _host(key: str) -> str:
    lower = key.lower()
    while (shorter := _NOT_IN_HOSTNAMES.sub("", lower, count=1)) != lower:
        lower = shorter
    return lower


def _regex_rows(draft: Draft, variable: Read[VariableModel]) -> None:
    rows = [node for node in named_nodes(variable.entries.get("rows")) if isinstance(node, Table)]
    for at, row in enumerate(rows):
        pattern = row.entries.get("pattern")
        if pattern is None or not isinstance(pattern.value, Scalar) or variable.model is None:
            continue
        if odd := _slashes(pattern.value.text, ""):
            sentence = f"{variable.owner}: {odd[0]}"
            draft.report("wrong-type", pattern.value.place, sentence, hint=odd[1], level="warning")
        if pattern.value.text in _CATCH_ALL and at < len(rows) - 1:
            sentence = f"{variable.owner}: this matches everything, so no row below it is ever reached"
            hint = "move it to the end, or write its value under `default`"
            draft.report("wrong-type", pattern.value.place, sentence, hint=hint, level="warning")
        if "value" in row.entries:
            _groups(draft, variable.owner, pattern.value.text, row.entries["value"].value)


def _groups(draft: Draft, owner: Owner, source: str, node: Node) -> None:
    """Groups that a value asks for, and its pattern does not capture."""
    for each in _texts(node):
        if found := _BACKSLASH_GROUP.search(each.text):
            sentence = f"{owner}: what a group captured is not written with a backslash"
            draft.report("wrong-type", each.place, sentence, hint=f"write ${found[1]}", level="warning")
            continue
        if meant := _named_group(source, each.text):
            sentence = f"{owner}: what a group captured is written with its number, even where it has a name"
            draft.report("wrong-type", each.place, sentence, hint=f"write {meant}", level="warning")
            continue
        wanted = max((int(group) for group in _GROUP.findall(each.text)), default=0)
        if wanted and wanted > (captured := _captured(source)):
            sentence = (
                f"{owner}: the pattern has {captured or 'no'} group{'s' * (captured != 1)}, so ${wanted} stays as it is"
            )
            draft.report("wrong-type", each.place, sentence, hint="put ( ) around what is captured", level="warning")


def _named_group(source: str, written: str) -> str:
    """The right form of the first group that is asked for by its name or in braces; empty when none is."""
    groups = named_groups(source)
    for asked in _NAMED_GROUP.findall(written):
        if asked in groups or (asked.isdigit() and f"${{{asked}}}" in written):
            return f"${groups.get(asked, asked)}"
    return ""


def _captured(source: str) -> int:
    # With an empty alternative it matches anything, and so tells how many groups it has.
    match: Sequence[str] = Pattern(f"(?:{source})|").search("") or ("",)
    return len(match) - 1


def _texts(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Listing):
        for item in node.items:
            yield from _texts(item)
    else:
        for entry in node.entries.values():
            yield from _texts(entry.value)


def _event_prefix(draft: Draft, owner: Owner, node: Scalar) -> None:
    """A path of event data with the short form's name in front of it."""
    head, dot, rest = node.text.partition(".")
    if head == "event" and dot and rest and "{" not in node.text:
        sentence = f'{owner}: a path of event data has no "event." in front of it'
        draft.report("wrong-type", node.place, sentence, hint=f"write {rest}", level="warning")
