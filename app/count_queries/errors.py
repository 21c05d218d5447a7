"""What is wrong with a query that is to count events."""


class CountQueryError(ValueError):
    """A query that counts no events for intervals: the *problem*, and as the *remedy* what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy
