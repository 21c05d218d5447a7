"""How requests log in to Prometheis that clouds run: by a signature of each request, or by a token that is renewed.

`options.py` says what there is, `authorizing.py` chooses. The libraries of AWS and Google are extras of the package,
imported where they are used only.
"""

from app.prometheus.cloud.authorizing import Authorizer, authorizer_of
from app.prometheus.cloud.options import (
    AMAZON_PROMETHEUS,
    CloudLogin,
    GoogleLogin,
    ManagedIdentityLogin,
    OAuth2Login,
    SigV4Login,
    missing_extra,
)

__all__ = [
    "AMAZON_PROMETHEUS",
    "Authorizer",
    "CloudLogin",
    "GoogleLogin",
    "ManagedIdentityLogin",
    "OAuth2Login",
    "SigV4Login",
    "authorizer_of",
    "missing_extra",
]
