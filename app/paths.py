"""The id of an SLO as part of a URL's path: any characters, slashes and line breaks included."""

from starlette.convertors import Convertor, register_url_convertor
from typing_extensions import override


class _SloIdConvertor(Convertor[str]):
    """Starlette's own `path` stops at a line break, which the value of a group's label may hold."""

    regex = "(?s:.+)"

    @override
    def convert(self, value: str) -> str:
        return value

    @override
    def to_string(self, value: str) -> str:
        return value


register_url_convertor("slo_id", _SloIdConvertor())

SLO_ID = "{id:slo_id}"
"""The path parameter `id` of a route."""
