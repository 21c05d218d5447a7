"""What a route declares that it needs."""

from collections.abc import Sequence

from app.access.scopes import AccessScope


class Needs:
    """A dependency of a route that says what it needs; whether a request has it is asked before its route is called.

    Attributes:
        scopes: any of these; none for what everybody may ask.
        otherwise: what to do without a token, if there is another way.
        is_checked_by_route: the route itself asks, once it has read the body.
    """

    def __init__(
        self, scopes: Sequence[AccessScope], *, otherwise: str = "", is_checked_by_route: bool = False
    ) -> None:
        self.scopes = tuple(scopes)
        self.otherwise = otherwise
        self.is_checked_by_route = is_checked_by_route

    async def __call__(self) -> None:
        """Nothing: it is asked for elsewhere."""
