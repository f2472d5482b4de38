"""What references mean: names resolved, circles found, and secrets followed to where they come out."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from container.config.draft import Draft, Owner, Use
from container.config.hints import for_event_data, for_expression, for_reference
from container.config.problem import Place
from container.config.rows import Rows
from container.secret import Secret, SecretText
from container.shape import missing
from container.template import Template

RESERVED = (
    "Client Name",
    "Container ID",
    "Container Version",
    "Debug Mode",
    "Event Name",
    "Page Hostname",
    "Page Path",
    "Page URL",
    "Query String",
    "Random Number",
    "Request Method",
    "Request Path",
    "Visitor Region",
)
"""Built-in variables under GTM's names; they may not be declared again."""

REDECLARABLE = ("Event ID", "IP Address", "User Agent", "Referrer")
"""Built-in variables under names of ours; a declaration takes their place."""

BUILT_IN = RESERVED + REDECLARABLE

SHORT_FORMS = ("event", "cookie", "header", "request_query", "page_query", "consent")

DEEPEST_CHAIN = 32
"""So many variables may lead from one to the next."""

MOST_CIRCLES = 100
"""So many circles are described; a file with more of them has been told enough."""

_SINGLE = re.compile(r"\{ ?([A-Za-z][\w .-]{0,100}?) ?\}", re.ASCII)

LONGEST_NAME = 1000
"""No reference is longer than this, short forms aside."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference means. `name`: of the variable, the built-in or the short form; `path`: what follows it."""

    kind: Literal["variable", "built_in", "short_form"]
    name: str
    path: str = ""


def resolve(name: str, declared: Container[str]) -> Target | None:
    """An exact name first, then a short form, then the longest name with a member behind it; else `None`."""
    if name in declared:
        return Target("variable", name)
    if name in BUILT_IN:
        return Target("built_in", name)
    form, _, rest = name.partition(".")
    if rest and form in SHORT_FORMS:
        return Target("short_form", form, rest)
    position = len(name) if len(name) <= LONGEST_NAME else 0
    while (position := name.rfind(".", 0, position)) > 0:
        if name[:position] in declared or name[:position] in BUILT_IN:
            kind: Literal["variable", "built_in"] = "variable" if name[:position] in declared else "built_in"
            return Target(kind, name[:position], name[position + 1 :])
    return None


def check_names(draft: Draft, declared: Mapping[str, Owner]) -> None:
    """Names of variables that belong to something else, or that no reference could say."""
    for name, owner in declared.items():
        form, _, rest = name.partition(".")
        if name in RESERVED:
            draft.report("reserved-name", owner.place, f'"{name}" is built in and may not be declared again')
        elif rest and form in SHORT_FORMS:
            draft.report("reserved-name", owner.place, f'"{name}" would hide the short form {{{{ {form}.… }}}}')
        elif name != name.strip() or not name or "{" in name or "}" in name:
            draft.report("reserved-name", owner.place, f'no reference can say the name "{name}"')
        elif name in REDECLARABLE:
            draft.report("redeclared-built-in", owner.place, f'{owner} takes the place of the built-in "{name}"')


def check_references(draft: Draft, declared: Mapping[str, Owner]) -> bool:
    """Reports references that lead nowhere or in circles, and unused variables. Whether there are no circles."""
    known = dict.fromkeys(BUILT_IN) | {name: owner.place.line for name, owner in declared.items()}
    links: dict[str, dict[str, Place]] = {name: {} for name in declared}
    used: set[str] = set()
    for use in draft.uses:
        target = resolve(use.name, declared)
        if target is None:
            hint = for_reference(use.name, SHORT_FORMS) or draft.suggest(use.name, known) or for_event_data(use.name)
            hint = for_expression(use.name) or hint
            draft.report("unknown-variable", use.place, f'{use.owner}: there is no variable "{use.name}"', hint=hint)
        elif target.kind == "short_form":
            _check_path(draft, use)
        elif target.kind == "variable":
            used.add(target.name)
            if use.owner.kind == "variable":
                links[use.owner.name].setdefault(target.name, use.place)
    for each in draft.texts:
        if each.name in known:
            hint = f'write "{{{{ {each.name} }}}}"'
            sentence = f'{each.owner}: "{each.name}" is text here, not the value of that variable'
            draft.report("wrong-type", each.place, sentence, hint=hint, level="warning")
        elif (found := _SINGLE.fullmatch(each.name)) and resolve(found[1], declared):
            sentence = f"{each.owner}: a reference has two braces on each side, and this is text"
            hint = f'write "{{{{ {found[1]} }}}}"'
            draft.report("wrong-type", each.place, sentence, hint=hint, level="warning")
    for name in declared.keys() - used:
        draft.report("unused-variable", declared[name].place, f'nothing refers to the variable "{name}"')
    return not _Circles(draft, links, declared).any()


def _check_path(draft: Draft, use: Use) -> None:
    """Reports what other languages would calculate, and what is here a part of the name."""
    if hint := for_expression(use.name):
        sentence = f'{use.owner}: no event has anything called "{use.name.partition(".")[2]}"'
        draft.report("unknown-variable", use.place, sentence, hint=hint, level="warning")


def check_secrets(draft: Draft, declared: Mapping[str, Owner], *, broken: Container[str], lost: Container[str]) -> None:
    """Reports secrets where none may be, and fields for secrets that get none. There are no circles.

    `broken`: variables about whose values nothing can be said. `lost`: references about which enough is said.
    """
    secrets = _Secrets({name: Rows(each) for name, each in draft.results.items()}, declared, broken)
    for use in draft.uses:
        if use.name in lost or resolve(use.name, declared) is None:
            continue
        secret, other = secrets.of_reference(use.name)
        if use.mode == "secret":
            if other or not (secret or secrets.in_doubt):
                hint = "let it refer to a variable of which every value is `${secret:NAME}`"
                draft.report("literal-secret", use.place, f'{use.owner}: "{use.name}" is not a secret', hint=hint)
                draft.hidden += secrets.literals(use.name)
            _check_defaults(draft, secrets, use)
        elif secret and use.mode != "confidential":
            hint = "secrets may stand in secret fields, and in the headers, query and body of a request"
            draft.report("secret-leak", use.place, f'{use.owner}: the secret in "{use.name}" could be seen', hint=hint)
        elif secret and use.owner.kind == "tag":
            _check_defaults(draft, secrets, use)


@dataclass
class _Circles:
    """Looks for circles, and for chains that are too long: depth first, with a stack of its own.

    `depth`: of a variable that is done, how many variables follow one another below it.
    """

    draft: Draft
    links: Mapping[str, Mapping[str, Place]]
    declared: Mapping[str, Owner]
    depth: dict[str, int] = field(default_factory=dict)
    found: int = 0

    def any(self) -> bool:
        """Whether there is anything wrong, which is then reported."""
        for start in self.links:
            if start not in self.depth:
                self._follow(start)
        return self.found > 0

    def _follow(self, start: str) -> None:
        path = {start: iter(self.links[start])}
        while path:
            name = next(reversed(path))
            following = next(path[name], None)
            if following is None:
                del path[name]
                self._leave(name)
            elif following in path:
                self._report([*path], following)
            elif following not in self.depth:
                path[following] = iter(self.links[following])

    def _leave(self, name: str) -> None:
        self.depth[name] = 1 + max((self.depth.get(target, 0) for target in self.links[name]), default=0)
        if self.depth[name] == DEEPEST_CHAIN + 1:
            self.found += 1
            owner = self.declared[name]
            sentence = f"{owner} leads through more than {DEEPEST_CHAIN} other variables"
            self.draft.report("variable-circle", owner.place, sentence)

    def _report(self, path: Sequence[str], again: str) -> None:
        self.found += 1
        if self.found > MOST_CIRCLES:
            return
        circle = path[path.index(again) :]
        first = min(range(len(circle)), key=lambda at: self.declared[circle[at]].place.line)
        ordered = [*circle[first:], *circle[:first]]
        names = " -> ".join(f'"{name}"' for name in [*ordered, ordered[0]])
        place = self.links[ordered[0]][ordered[1] if len(ordered) > 1 else ordered[0]]
        sentence = f"{self.declared[ordered[0]]} refers to itself through {names}"
        self.draft.report("variable-circle", place, sentence, hint="let one of them take its value from somewhere else")


@dataclass
class _Secrets:
    """Follows references to the values that variables may have. There are no circles when this is asked."""

    rows: Mapping[str, Rows]
    declared: Container[str]
    broken: Container[str]
    in_doubt: bool = False
    known: dict[tuple[str, str], tuple[bool, bool]] = field(default_factory=dict)

    def of_reference(self, name: str) -> tuple[bool, bool]:
        """Whether the value of a reference may hold a secret, and whether it may be something else."""
        target = resolve(name, self.declared)
        if target is None or target.name in self.broken:
            self.in_doubt = True
            return False, False
        if target.kind != "variable" or target.name not in self.rows:
            return False, True
        key = target.name, target.path
        if key not in self.known:
            rows = self.rows[target.name]
            found = (self.of_value(each.value, target.path) for each in rows.perhaps_holding(target.path))
            self.known[key] = self._any(found)
        return self.known[key]

    def literals(self, name: str) -> Iterator[Place]:
        """Where the values of a reference stand that are no secrets, and were meant as such."""
        target = resolve(name, self.declared)
        if target is not None and target.name in self.rows:
            for each in self.rows[target.name].perhaps_holding(target.path):
                if self.of_value(each.value, target.path)[1] and not isinstance(each.value, Template):
                    yield each.place

    def of_value(self, value: Any, path: str) -> tuple[bool, bool]:
        if isinstance(value, Template):
            whole = value.whole
            if whole is not None:
                return self.of_reference(f"{whole.name}.{path}" if path else whole.name)
            inside = self._any(self.of_reference(reference.name) for reference in value.references)
            return inside[0] or any(isinstance(part, Secret) for part in value.parts), True
        if isinstance(value, (Mapping, list, tuple)):
            return self._of_members(value, path)
        if path:
            return False, False
        if isinstance(value, SecretText):
            return True, True
        secret = isinstance(value, Secret)
        return secret, not secret and not missing(value)

    def _of_members(self, value: Mapping[str, Any] | Sequence[Any], path: str) -> tuple[bool, bool]:
        if not path:
            members = value.values() if isinstance(value, Mapping) else value
            return self._any(self.of_value(member, "") for member in members)[0], True
        head, _, rest = path.partition(".")
        if isinstance(value, Mapping):
            if path in value:
                return self.of_value(value[path], "")
            return self.of_value(value[head], rest) if head in value else (False, False)
        # A position in a list: whichever item it is.
        return self._any(self.of_value(member, rest) for member in value)

    def _any(self, found: Iterable[tuple[bool, bool]]) -> tuple[bool, bool]:
        pairs = list(found)
        return any(secret for secret, _ in pairs), any(other for _, other in pairs)


def _check_defaults(draft: Draft, secrets: _Secrets, use: Use) -> None:
    target = resolve(use.name, secrets.declared)
    if target is None or target.name not in secrets.rows:
        return
    for default in secrets.rows[target.name].defaults:
        if secrets.of_value(default.value, target.path)[0]:
            sentence = f'what "{target.name}" does not list is sent by {use.owner} with the secret of its default'
            draft.report("lookup-default-credential", default.place, sentence)
