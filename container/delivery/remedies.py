"""What to do about a database that cannot be used, by what is said of it."""

from __future__ import annotations

from collections.abc import Sequence

DATABASE = "the database "
"""What all of these begin with."""

NO_SPACE = "the database has no space left"
ONLY_READS = "the database only reads"
SILENT = "the database does not answer"
UNUSABLE = "the database cannot be used"
REFUSES = "the database refuses"

GENERAL = "Look at the address in --store, and whether the database runs."
_REMEDIES: Sequence[tuple[Sequence[str], str]] = (
    (
        (NO_SPACE,),
        "Make room on the disk of the database: hits are taken again by themselves, without a restart.",
    ),
    (
        (ONLY_READS,),
        "Give --store the address of the one that writes; host=a,b target_session_attrs=read-write finds it by itself.",
    ),
    (
        ("too many clients", "too many connections", "remaining connection slots"),
        "Raise max_connections of the database, or the limit of its role: each process takes up to 8. Or run fewer.",
    ),
    (
        ("password", "authentication failed", "no pg_hba.conf entry", "not permitted to log in"),
        "Correct the user and the password in --store, or let the database's pg_hba.conf admit them.",
    ),
    (
        ('role "', "permission denied"),
        "Give the role of --store what it needs: docs/scale.md lists its rights.",
    ),
    (
        ('database "',),
        "Correct the name of the database in --store, or make it: createdb, then tag-container migrate --store URL.",
    ),
    (
        ("starting up", "shutting down", "in recovery mode"),
        "Wait for it: it is used again by itself.",
    ),
    (
        ("of the tables, and previews need",),
        "Run: tag-container migrate --store URL.",
    ),
    (
        (REFUSES,),
        "Look at what the log of the database says of it.",
    ),
)
"""Words of PostgreSQL in English, which is what it says unless `lc_messages` is set to something else."""


def remedy(said: str) -> str:
    """What somebody should do, as a sentence, by what we or the database said. Where that says nothing, in general."""
    return next((advice for signs, advice in _REMEDIES if any(sign in said for sign in signs)), GENERAL)


def advice(said: str) -> str:
    """The same after a sentence with what was said, if that was of a database; else nothing."""
    return f" {remedy(said)}" if said.startswith(DATABASE) else ""
