"""The composition root: the only package that knows the concrete classes.

Everything heavy is imported where it is used, so that a command pays for what it needs.
"""

from fallback.compose.accounts import ACCOUNT, Account, account, sign_in
from fallback.compose.plans import continued, keep_span, with_people
from fallback.compose.profiles import open_profile, open_store, settings, unlock, unlocked
from fallback.compose.sides import (
    forget_keys,
    hosted,
    load_matrix,
    managed,
    matrix,
    member,
    reading,
    signed_in,
)

__all__ = [
    "ACCOUNT",
    "Account",
    "account",
    "continued",
    "forget_keys",
    "hosted",
    "keep_span",
    "load_matrix",
    "managed",
    "matrix",
    "member",
    "open_profile",
    "open_store",
    "reading",
    "settings",
    "sign_in",
    "signed_in",
    "unlock",
    "unlocked",
    "with_people",
]
