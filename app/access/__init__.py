"""Who sends a request and what it allows: tokens, scopes, and the one place where an identity is decided.

May import `app.slo` and `app.wording`'s plain text only; does no IO: what is stored comes through the ports
`TokenDirectory` and `SessionDirectory`. Start at `deciding.py`; `scopes.py` is what an identity may do,
`token_text.py` the form of a token.
"""

from app.access.auditing import (
    Actor,
    AuditEntry,
    AuditOutcome,
    AuditTrail,
    Deed,
    act_as,
    begin_deed,
    current_deed,
    note_unchanged,
    seen_tenants,
)
from app.access.credentials import SentCredentials, is_cross_site, is_safe
from app.access.deciding import Access, AccessRules, SessionDirectory, TokenDirectory
from app.access.forwarding import EVERYBODY, ForwardRules
from app.access.identity import AccessFailure, AccessRefusal, Identity, IdentityKind, own_name
from app.access.needs import Needs
from app.access.rate_limits import RateLimiter, client_key
from app.access.request_state import IDENTITY, access_in, credentials_in, identity_in, note_sender
from app.access.scopes import AccessScope, AccessScopes, scope_list
from app.access.sessions import OpenedSession, WebSession
from app.access.signed import SignedClaims, SignedTokens
from app.access.token_text import hide_tokens, is_token_shaped, is_well_formed, new_token, token_digest, token_hint
from app.access.tokens import (
    LONGEST_TOKEN_NAME,
    MOST_TOKEN_SERVICES,
    AccessToken,
    MadeToken,
    NewToken,
    TokenError,
    TokenTakenError,
)

__all__ = [
    "EVERYBODY",
    "IDENTITY",
    "LONGEST_TOKEN_NAME",
    "MOST_TOKEN_SERVICES",
    "Access",
    "AccessFailure",
    "AccessRefusal",
    "AccessRules",
    "AccessScope",
    "AccessScopes",
    "AccessToken",
    "Actor",
    "AuditEntry",
    "AuditOutcome",
    "AuditTrail",
    "Deed",
    "ForwardRules",
    "Identity",
    "IdentityKind",
    "MadeToken",
    "Needs",
    "NewToken",
    "OpenedSession",
    "RateLimiter",
    "SentCredentials",
    "SessionDirectory",
    "SignedClaims",
    "SignedTokens",
    "TokenDirectory",
    "TokenError",
    "TokenTakenError",
    "WebSession",
    "access_in",
    "act_as",
    "begin_deed",
    "client_key",
    "credentials_in",
    "current_deed",
    "hide_tokens",
    "identity_in",
    "is_cross_site",
    "is_safe",
    "is_token_shaped",
    "is_well_formed",
    "new_token",
    "note_sender",
    "note_unchanged",
    "own_name",
    "scope_list",
    "seen_tenants",
    "token_digest",
    "token_hint",
]
