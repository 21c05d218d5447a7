"""Why a query is not a weighted sum of counters.

NotExpressibleError        it may be an SLI of another kind
└── QueryFaultError        every kind would count something else than its author means
"""


class NotExpressibleError(ValueError):
    """A query that cannot be reduced to a weighted sum of counters.

    *reason* says why, *remedy* what to write instead, and *field* which of ``total``, ``good``, ``bad`` it is about;
    it is empty where that is the whole.
    """

    def __init__(self, reason: str, remedy: str, code: str = "", field: str = "") -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy
        self.code = code
        self.field = field


class QueryFaultError(NotExpressibleError):
    """A query that counts something else than its author means, for any kind of SLI."""
