"""Everything a component file imports from us."""

from pydantic import AliasChoices

from container import conversion, normalise
from container.component import Form, Once, Wanted, client, operator, tag, transformation, trigger, variable
from container.effects import (
    Batch,
    Claim,
    Effect,
    Note,
    Redirect,
    Reply,
    Request,
    Response,
    SetCookie,
    Skip,
    Verdict,
    by_status,
    retry_after,
)
from container.event import Consent, Event, Hit, Signal
from container.fields import (
    Confidential,
    Dynamic,
    Endpoint,
    Many,
    Network,
    Path,
    Pattern,
    Range,
    Settings,
    fill_groups,
    from_event,
    preview_only,
)
from container.fields import SecretField as Secret
from container.ga4 import Recognised as Ga4Recognised
from container.ga4 import ServerCookie as Ga4ServerCookie
from container.ga4 import consent_of as ga4_consent
from container.ga4 import events_of as ga4_events
from container.ga4 import from_browser as ga4_from_browser
from container.ga4 import from_server as ga4_from_server
from container.ga4 import measurement_protocol_rules as ga4_rules
from container.ga4.client_hints import header_hints as ga4_header_hints
from container.ga4.consent import written_gcs as ga4_gcs
from container.ga4.hashed import hashed_user_data as ga4_hashed_user_data
from container.ga4.measurement_protocol import Refusal as MeasurementProtocolRefusal
from container.ga4.measurement_protocol import events_of as measurement_protocol_events
from container.ga4.measurement_protocol_validation import messages_of as measurement_protocol_messages
from container.ga4.person import person as ga4_person
from container.ga4.user_data import nested as ga4_nested
from container.ga4.writing import clear_user_data as ga4_clear_user_data
from container.ga4.writing import line_of as ga4_line
from container.ga4.writing import parted as ga4_parted
from container.ga4.writing import server_side_properties as ga4_server_side_properties
from container.ga4.writing import written as ga4_written
from container.outgoing import (
    Headers,
    OneBody,
    Url,
    body_text,
    form_text,
    header_text,
    script_text,
    secret_inside,
    with_query,
)
from container.place import without_addresses
from container.secret import SecretText, bearer
from container.set_cookie import OUR_COOKIES
from container.shape import at, filled, first_at, missing, moment, number, text
from container.url import query_parameters, registrable_domain, same_site, url_parts, without_parameters

__all__ = [
    "OUR_COOKIES",
    "AliasChoices",
    "Batch",
    "Claim",
    "Confidential",
    "Consent",
    "Dynamic",
    "Effect",
    "Endpoint",
    "Event",
    "Form",
    "Ga4Recognised",
    "Ga4ServerCookie",
    "Headers",
    "Hit",
    "Many",
    "MeasurementProtocolRefusal",
    "Network",
    "Note",
    "Once",
    "OneBody",
    "Path",
    "Pattern",
    "Range",
    "Redirect",
    "Reply",
    "Request",
    "Response",
    "Secret",
    "SecretText",
    "SetCookie",
    "Settings",
    "Signal",
    "Skip",
    "Url",
    "Verdict",
    "Wanted",
    "at",
    "bearer",
    "body_text",
    "by_status",
    "client",
    "conversion",
    "fill_groups",
    "filled",
    "first_at",
    "form_text",
    "from_event",
    "ga4_clear_user_data",
    "ga4_consent",
    "ga4_events",
    "ga4_from_browser",
    "ga4_from_server",
    "ga4_gcs",
    "ga4_hashed_user_data",
    "ga4_header_hints",
    "ga4_line",
    "ga4_nested",
    "ga4_parted",
    "ga4_person",
    "ga4_rules",
    "ga4_server_side_properties",
    "ga4_written",
    "header_text",
    "measurement_protocol_events",
    "measurement_protocol_messages",
    "missing",
    "moment",
    "normalise",
    "number",
    "operator",
    "preview_only",
    "query_parameters",
    "registrable_domain",
    "retry_after",
    "same_site",
    "script_text",
    "secret_inside",
    "tag",
    "text",
    "transformation",
    "trigger",
    "url_parts",
    "variable",
    "with_query",
    "without_addresses",
    "without_parameters",
]
