"""Email: plain text, one message for each step (noted, resolved), in one thread. Sent mail cannot be changed.

Each message has an id that follows from the incident and the step, whatever became known between two tries: one that
is sent twice is one in a mail program. A step that comes again, as when an incident goes on, is another.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate

from workflows.oncall.channels.channel import SEND_S, Untold
from workflows.oncall.channels.pagerduty import note
from workflows.oncall.configuration import Email
from workflows.oncall.telling import Told


@dataclass(frozen=True)
class EmailChannel:
    """Implements Channel. login: user:password, "" for none."""

    server: Email
    login: str = field(default="", repr=False)
    edits: bool = False

    async def tell(self, told: Told, reference: str, *, uncertain: bool) -> str:
        """See the protocol."""
        del uncertain
        made = message(told, self.server, reference)
        await asyncio.to_thread(self._send, made)
        return reference or str(made["Message-ID"])

    def _send(self, made: EmailMessage) -> None:
        """Raises Untold."""
        server, context = self.server, ssl.create_default_context()
        try:
            with (
                smtplib.SMTP_SSL(server.host, server.port, timeout=SEND_S, context=context)
                if server.tls == "tls"
                else smtplib.SMTP(server.host, server.port, timeout=SEND_S)
            ) as smtp:
                if server.tls == "starttls":
                    smtp.starttls(context=context)
                if self.login:
                    user, _, password = self.login.partition(":")
                    smtp.login(user, password)
                smtp.send_message(made)
        except smtplib.SMTPAuthenticationError:
            raise Untold("the mail server refuses the login", final=True) from None
        except smtplib.SMTPRecipientsRefused:
            raise Untold("the mail server refuses all recipients", final=True) from None
        except smtplib.SMTPException as error:
            raise Untold(f"the mail server: {type(error).__name__}") from None
        except OSError as error:
            raise Untold(f"no connection to the mail server: {type(error).__name__}") from None


def message(told: Told, server: Email, reference: str) -> EmailMessage:
    """The mail. reference: id of the first one of its thread, "" for this one."""
    made = EmailMessage()
    made["From"], made["To"] = server.sender, ", ".join(server.to)
    made["Subject"] = " ".join(told.headline.split())[:200]
    made["Date"] = formatdate()
    made["Message-ID"] = f"<{told.incident}.{told.stage}.{told.turn}@{server.sender.partition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    if reference:
        made["In-Reply-To"] = made["References"] = reference
    made.set_content(f"{note(told)}\n\n{told.link or told.incident}\n")
    return made
