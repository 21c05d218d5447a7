"""Who sends a request and what it allows: tokens, scopes, and the one place where an identity is decided.

May import `app.wording`'s plain text only; does no IO: what is stored comes through the port `TokenDirectory`. Start at
`deciding.py`; `scopes.py` is what an identity may do, `token_text.py` the form of a token.
"""

from app.access.deciding import Access, AccessRules, TokenDirectory
from app.access.identity import AccessFailure, AccessRefusal, Identity, IdentityKind
from app.access.needs import IDENTITY, Needs
from app.access.scopes import LIMITED_SCOPES, AccessScope, AccessScopes, scope_list
from app.access.token_text import TOKEN_PREFIX, is_token_shaped, is_well_formed, new_token, token_digest, token_hint
from app.access.tokens import AccessToken, MadeToken, NewToken, TokenError, TokenTakenError

__all__ = [
    "IDENTITY",
    "LIMITED_SCOPES",
    "TOKEN_PREFIX",
    "Access",
    "AccessFailure",
    "AccessRefusal",
    "AccessRules",
    "AccessScope",
    "AccessScopes",
    "AccessToken",
    "Identity",
    "IdentityKind",
    "MadeToken",
    "Needs",
    "NewToken",
    "TokenDirectory",
    "TokenError",
    "TokenTakenError",
    "is_token_shaped",
    "is_well_formed",
    "new_token",
    "scope_list",
    "token_digest",
    "token_hint",
]
