"""Read a parameter of the hit's own query string."""

from pydantic import Field

from container.api import Event, Settings, query_parameters, variable


class QueryParameter(Settings):
    parameter: str = Field(description="The name of the parameter.", examples=["tid"])


@variable("query_parameter")
def query_parameter(settings: QueryParameter, event: Event) -> str | None:
    """A parameter of the incoming hit's query string."""
    return query_parameters(event.hit.query).get(settings.parameter)
