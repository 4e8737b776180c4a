"""Passwords in the URLs of brokers and backends: whether there is one, and a text without it."""

from __future__ import annotations

import re

# Between quotes a password may hold anything but that quote; elsewhere it ends with the word. It
# ends at the last @, for people forget to percent-encode: a word too much is hidden rather than
# half a password shown. Both start at a mark, a quote or ://, so that a long text without one costs
# nothing.
QUOTED = re.compile(
    r"""(?P<quote>['"])(?P<head>[\w+.-]{1,40}://[^\s/:'"]*):(?!//)(?:(?!(?P=quote)).)*@"""
)
PLAIN = re.compile(r"""(?<=://)(?P<head>\s*[^\s/:'"]*):(?!//)[^\s'"]*@""")
QUERY = re.compile(r"""(?i)(?P<head>[?&][\w.-]*pass\w*=)[^\s&'"]+""")


def redacted(text: str) -> str:
    """The text with the passwords of URLs as asterisks."""
    text = QUOTED.sub(r"\g<quote>\g<head>:***@", text)
    text = PLAIN.sub(r"\g<head>:***@", text)
    return QUERY.sub(r"\g<head>***", text)


def holds_password(url: str) -> bool:
    """Whether a URL may hold a password: anything before an @, or a parameter for it."""
    return "@" in url.partition("://")[2] or QUERY.search(url) is not None
