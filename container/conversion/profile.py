"""What a vendor wants to know of a person, as data: under which names, in which form, from where."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

MOST_VALUES = 100
"""So many addresses, numbers or ids of one visitor are sent, where a vendor says nothing else."""

HASHED = "sha256_"
"""Keys of user data that begin so hold hashes, made by the rule of Google's tags."""

EMAIL_KEYS = ("email_address", "email", "sha256_email_address")
PHONE_KEYS = ("phone_number", "sha256_phone_number")
FIRST_NAME_KEYS, LAST_NAME_KEYS = ("first_name", "sha256_first_name"), ("last_name", "sha256_last_name")
POSTAL_CODE_KEYS = ("postal_code", "sha256_postal_code")

COUNTRY = "country"
"""Under this name a profile has the country, by which its postal codes and phone numbers are understood."""

NO_EMAIL, NO_TEXT = "is no e-mail address", "is no text"
NO_PHONE = "has no international form (is phone_region set?)"
"""What is wrong with one of several values: the rest of a sentence that begins with "it"."""

NO_COUNTRY = "it takes two letters, such as DE"


RegionalNormal = Callable[[str, str | None], str | None]
"""Text and the country, two letters, to the vendor's form."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a vendor may know of a person.

    `name`: of the setting; `sent_as`: of the vendor's field, where it is another. `keys`: where user data has it, the
    first one that is usable counts; `event_keys`: where event data has it beside that. `normal`: text to the vendor's
    form, `None` for what has none; with `regional` it gets the country (or `None`) as a second argument. `hashed`: sent
    as SHA-256 of that form. `prehashed`: those of the keys whose hashes are the same as this vendor's would be; under
    any other `sha256_…` key a hash is left out, with a note. A hash under a plain key is passed: nobody knows its rule.
    Of several values: `listed`: a list also of one, `most`: how many, `reason`: why one has no form.
    """

    name: str
    normal: Callable[..., str | None]
    keys: tuple[str, ...] = ()
    event_keys: tuple[str, ...] = ()
    prehashed: tuple[str, ...] = ()
    sent_as: str = ""
    hashed: bool = True
    regional: bool = False
    listed: bool = False
    most: int = MOST_VALUES
    reason: str = ""

    foreign: frozenset[str] = dataclasses.field(init=False)
    """The keys under which a hash is made by another rule."""

    def __post_init__(self) -> None:
        hashes = frozenset(key for key in self.keys if key.startswith(HASHED))
        object.__setattr__(self, "sent_as", self.sent_as or self.name)
        object.__setattr__(self, "foreign", hashes - set(self.prehashed))


@dataclass(frozen=True, slots=True)
class Profile:
    """What a vendor wants to know of a person.

    `address`: names and places, one value each, looked for in the address of user data and then beside it, sent in this
    order. `several`: what a person may have more than one of, such as e-mail addresses. `single`: the rest, one value
    each. `place`: what the settings of it are called, for notes.
    """

    vendor: str
    address: tuple[Field, ...] = ()
    several: tuple[Field, ...] = ()
    single: tuple[Field, ...] = ()
    place: str = "user"

    country: Field | None = dataclasses.field(init=False)
    address_names: tuple[str, ...] = dataclasses.field(init=False)
    address_keys: frozenset[str] = dataclasses.field(init=False)
    """Where user data has names and places, if it has any."""

    def __post_init__(self) -> None:
        # Once for all events, not with each.
        keys = {"address", *(key for field in self.address for key in field.keys)}
        country = next((field for field in self.address if field.name == COUNTRY), None)
        object.__setattr__(self, "country", country)
        object.__setattr__(self, "address_names", tuple(field.name for field in self.address))
        object.__setattr__(self, "address_keys", frozenset(keys))
