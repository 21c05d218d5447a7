"""How pydantic reads the typed dictionaries of the API: keys that they do not name are refused."""

from typing import Final

from pydantic import ConfigDict
from pydantic.config import JsonDict

# Only the description of the API asks for the schemas of answers. To build that of each route took half of the CPU of
# a start.
ANSWER: Final = ConfigDict(extra="forbid", defer_build=True)
# FastAPI hides a warning of pydantic about bodies of requests while it adds a route, and not when one is first read.
REQUEST: Final = ConfigDict(extra="forbid")


def answer_like(example: JsonDict) -> ConfigDict:
    """`ANSWER`, which the description of the API shows an example of."""
    return ConfigDict(**ANSWER, json_schema_extra={"examples": [example]})
