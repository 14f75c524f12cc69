"""Alerts by e-mail, over TLS; in plain text to this machine alone."""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal

from fallback.core.alerting import is_metas
from fallback.errors import PermanentError, TransientError
from fallback.text import sanitise, sanitise_name

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over.

    Args:
        security: ``starttls`` and ``tls`` check the certificate; ``plain`` is for loopback alone.
        password: a secret, from the profile's store or a file.
        cafile: trusted instead of the system's authorities.
    """

    host: str
    port: int
    sender: str
    security: Literal["starttls", "tls", "plain"] = "starttls"
    user: str = ""
    password: str = ""
    cafile: str = ""
    timeout: float = 30.0


class SmtpAlert:
    """One server.

    Raises:
        PermanentError: plain text to another machine.
    """

    name = "mailto"

    def __init__(self, server: SmtpServer) -> None:
        if server.security == "plain" and server.host not in LOOPBACK:
            raise PermanentError("mail to another machine must be encrypted", "Choose starttls or tls.")
        self.server = server

    async def send(self, title: str, text: str, address: str) -> None:
        """Mail one address.

        Raises:
            TransientError: the server can't be reached or says to try later.
            PermanentError: it refuses, or the address is none.
        """
        letter = EmailMessage()
        try:
            letter["From"], letter["To"], letter["Subject"] = (
                self.server.sender,
                address,
                sanitise_name(title),
            )
        except ValueError as error:
            raise PermanentError("this is no e-mail address", "Correct the contact.") from error
        if is_metas(address.rpartition("@")[2]):
            raise PermanentError("alerts never go through Meta", "Give the contact another channel.")
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(sanitise(text))
        await asyncio.to_thread(self._hand_over, letter)

    def _hand_over(self, letter: EmailMessage) -> None:
        try:
            with self._connected() as server:
                if self.server.user:
                    server.login(self.server.user, self.server.password)
                server.send_message(letter)
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            raise _refused(code) from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code) from error
        except smtplib.SMTPNotSupportedError as error:
            raise PermanentError(
                "the mail server can't do what is asked of it", "Check its security and user."
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise PermanentError("the mail server's certificate is not valid", "Check its name.") from error
        except (OSError, smtplib.SMTPException) as error:
            raise TransientError("the mail server can't be reached") from error

    def _connected(self) -> smtplib.SMTP:
        at = self.server
        trust = ssl.create_default_context(cafile=at.cafile or None)
        if at.security == "tls":
            return smtplib.SMTP_SSL(at.host, at.port, timeout=at.timeout, context=trust)
        server = smtplib.SMTP(at.host, at.port, timeout=at.timeout)
        try:
            if at.security == "starttls":
                server.starttls(context=trust)
        except BaseException:
            server.close()
            raise
        return server


def _refused(code: int) -> TransientError | PermanentError:
    if 400 <= code < 500:
        return TransientError(f"the mail server says to try later ({code})")
    return PermanentError(
        f"the mail server refuses ({code})", "Check the address, the user and the password."
    )
