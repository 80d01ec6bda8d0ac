"""A browser as small as can be: opens the sign-in page, and clicks a user."""

import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser


class Form(HTMLParser):
    """The one form of a page: where it goes, and what it holds unseen."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = found["action"]
        if tag == "input":
            self.fields[found["name"]] = found["value"]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def click(url: str, user: str) -> dict[str, str]:
    """What the client finds in the query of its redirect URI."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)
    form = Form(opener.open(url, timeout=20).read().decode())
    sent = urllib.parse.urlencode({**form.fields, "user": user}).encode()
    try:
        opener.open(form.action, sent, timeout=20)
    except urllib.error.HTTPError as answer:
        if answer.code == 303:
            query = urllib.parse.urlsplit(answer.headers["Location"]).query
            return dict(urllib.parse.parse_qsl(query))
        raise
    raise AssertionError("the form did not redirect")
