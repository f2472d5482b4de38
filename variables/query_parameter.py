"""Read a parameter of the hit's own query string."""

from pydantic import Field

from container.api import Event, Settings, query_parameters, variable


class QueryParameter(Settings):
    parameter: str = Field(description="The name of the parameter.", examples=["tid"])


def source(settings: QueryParameter, written: QueryParameter) -> str:
    return f'parameter "{settings.parameter}" in the query of the hit'


@variable("query_parameter", source=source)
def query_parameter(settings: QueryParameter, event: Event) -> str | None:
    """A parameter of the incoming hit's query string."""
    return query_parameters(event.hit.query).get(settings.parameter)
