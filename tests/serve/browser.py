"""As much of a browser as signing in takes: cookies, redirects and forms."""

import html
import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request

from keycloak import PASSWORD


class Arrived(Exception):
    """A redirect to an address that is the client app's own."""

    def __init__(self, url: str) -> None:
        self.query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but for those to the client app."""

    def __init__(self, callback: str) -> None:
        self.callback = callback

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if newurl.startswith(self.callback):
            raise Arrived(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Cookies(http.cookiejar.DefaultCookiePolicy):
    """Loopback is as good as TLS, as browsers see it."""

    def return_ok_secure(self, cookie, request) -> bool:
        return True


class Browser:
    """A browser in which nobody has signed in."""

    def __init__(self, callback: str = "http://nowhere.invalid/", password: str = PASSWORD) -> None:
        self.password = password
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar(Cookies()))
        self.at = ""
        self.opener = urllib.request.build_opener(cookies, Redirects(callback))

    def sign_in(self, url: str, user: str) -> str:
        """Opens a page that asks who it is, answers, consents where it is asked, and gives the last page."""
        page = self._open(url)
        page = self._submit(page, {"username": user, "password": self.password})
        while "login-actions/consent" in page or "device/consent" in page or 'name="accept"' in page:
            page = self._submit(page, {"accept": "Yes"})
        return page

    def _submit(self, page: str, fields: dict[str, str]) -> str:
        form = re.search(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', page, re.DOTALL)
        assert form, f"there is no form on the page:\n{page}"
        hidden = re.findall(r'<input[^>]*type="hidden"[^>]*>', form[2])
        kept = {}
        for field in hidden:
            name, value = re.search(r'name="([^"]+)"', field), re.search(r'value="([^"]*)"', field)
            if name and value:
                kept[name[1]] = html.unescape(value[1])
        return self._open(urllib.parse.urljoin(self.at, html.unescape(form[1])), kept | fields)

    def _open(self, url: str, form: dict[str, str] | None = None) -> str:
        data = None if form is None else urllib.parse.urlencode(form).encode()
        try:
            with self.opener.open(url, data) as answer:
                self.at = answer.url
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{url}: {error.code}\n{error.read().decode()}") from error
