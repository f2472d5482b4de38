"""What is said of a database that cannot be used ends with what to do."""

from __future__ import annotations

import pytest

from container.delivery.remedies import (
    DATABASE,
    GENERAL,
    NO_SPACE,
    ONLY_READS,
    REFUSES,
    SILENT,
    UNUSABLE,
    advice,
    remedy,
)


@pytest.mark.parametrize(
    ("said", "begins"),
    [
        (NO_SPACE, "Make room on the disk of the database"),
        (ONLY_READS, "Give --store the address of the one that writes"),
        ("FATAL: sorry, too many clients already", "Raise max_connections"),
        ('FATAL: too many connections for role "tags"', "Raise max_connections"),
        ('FATAL: too many connections for database "tags"', "Raise max_connections"),
        ("FATAL: remaining connection slots are reserved for roles with the SUPERUSER attribute", "Raise max_conn"),
        ('FATAL: password authentication failed for user "tags"', "Correct the user and the password"),
        ("fe_sendauth: no password supplied", "Correct the user and the password"),
        ('FATAL: no pg_hba.conf entry for host "10.0.0.1", user "tags", database "tags"', "Correct the user"),
        ('FATAL: role "tags" is not permitted to log in', "Correct the user and the password"),
        ('FATAL: role "tags" does not exist', "Give the role of --store what it needs"),
        ('FATAL: permission denied for database "tags"', "Give the role of --store what it needs"),
        ('FATAL: database "tags" does not exist', "Correct the name of the database"),
        ("FATAL: the database system is starting up", "Wait for it"),
        ("FATAL: the database system is in recovery mode", "Wait for it"),
        (f"{REFUSES}: 42501, permission denied for table delivery", "Give the role of --store what it needs: docs/"),
        (f"{REFUSES}: XX001, DataCorrupted", "Look at what the log of the database says"),
        ("connection refused", GENERAL),
        (SILENT, GENERAL),
    ],
)
def test_each_reason_has_its_remedy(said: str, begins: str) -> None:
    assert remedy(said).startswith(begins)
    assert remedy(f"{UNUSABLE} (connection failed: {said})").startswith(begins)


def test_what_is_not_said_of_a_database_has_no_advice() -> None:
    assert (advice(SILENT), advice("no space is left for deliveries")) == (f" {GENERAL}", "")


def test_all_that_is_said_of_a_database_is_known_by_how_it_begins() -> None:
    assert all(each.startswith(DATABASE) for each in (NO_SPACE, ONLY_READS, REFUSES, SILENT, UNUSABLE))
