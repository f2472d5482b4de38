"""Everything a component file imports from us."""

from pydantic import AliasChoices

from container import conversion, normalise
from container.component import Wanted, client, operator, tag, transformation, trigger, variable
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
from container.ga4.measurement_protocol import Refusal as MeasurementProtocolRefusal
from container.ga4.measurement_protocol import events_of as measurement_protocol_events
from container.ga4.measurement_protocol_validation import messages_of as measurement_protocol_messages
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
from container.shape import at, filled, first_at, missing, moment, number, text
from container.url import query_parameters, registrable_domain, same_site, url_parts, without_parameters

__all__ = [
    "AliasChoices",
    "Batch",
    "Claim",
    "Confidential",
    "Consent",
    "Dynamic",
    "Effect",
    "Endpoint",
    "Event",
    "Ga4Recognised",
    "Ga4ServerCookie",
    "Headers",
    "Hit",
    "Many",
    "MeasurementProtocolRefusal",
    "Network",
    "Note",
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
    "ga4_consent",
    "ga4_events",
    "ga4_from_browser",
    "ga4_from_server",
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
