"""Signing in: find the homeserver, choose a way, get a session, renew it, end it.

::

    offered = await discover("@sara:example.org")             # SignInOptions
    way = password(user, secret)                              # or token, single_sign_on, register,
    way = device_code(offered.oauth, tell, clock)             #    or browser, for OAuth 2.0
    session = await way(MatrixHttp(offered.url), device_id)
"""

from fallback.matrix.signin.discovery import Provider, SignInOptions, discover
from fallback.matrix.signin.oauth import GrantError, browser, device_code
from fallback.matrix.signin.registration import register
from fallback.matrix.signin.renewal import end, renew
from fallback.matrix.signin.session import InterruptedSignInError, Session, Tell, Visit, Way, whoami
from fallback.matrix.signin.ways import password, single_sign_on, token

__all__ = [
    "GrantError",
    "InterruptedSignInError",
    "Provider",
    "Session",
    "SignInOptions",
    "Tell",
    "Visit",
    "Way",
    "browser",
    "device_code",
    "discover",
    "end",
    "password",
    "register",
    "renew",
    "single_sign_on",
    "token",
    "whoami",
]
