"""Images by URL: nothing but public addresses is ever connected to."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from projects.errors import Refusal
from projects.services import fetching
from projects.services.addresses import is_public
from tests.drawings import picture_bytes

PICTURE = picture_bytes("red circle", 5)
REAL_CONNECT = socket.socket.connect
REAL_LOOK_UP = socket.getaddrinfo


class _Site(http.server.BaseHTTPRequestHandler):
    """A picture, redirects, and bad manners."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        if self.path == "/drip":
            return self._drip()
        if self.path == "/drip-headers":
            return self._drip_headers()
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path[4:])
            self.end_headers()
            return None
        if self.path == "/missing":
            return self.send_error(404)
        content = {"/huge": b"\0" * (26 * 1024 * 1024)}.get(self.path, PICTURE)
        self.send_response(200)
        length = len(content) + (10 if self.path == "/cut" else 0)
        if self.path != "/huge":
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)
        return None

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(100):
            self.wfile.write(b".")
            self.wfile.flush()
            time.sleep(0.05)

    def _drip_headers(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(100):
            self.wfile.write(b"X")
            self.wfile.flush()
            time.sleep(0.05)

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    server.asked = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def connections(monkeypatch) -> list[object]:
    """Every connection this process makes, refused unless it goes to this machine."""
    made: list[object] = []

    def connect(sock: socket.socket, address: object) -> None:
        made.append(address)
        if address[0] != "127.0.0.1":
            raise ConnectionRefusedError("no network in tests")
        REAL_CONNECT(sock, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return made


@pytest.fixture
def names(monkeypatch) -> dict[str, list[list[str]]]:
    """A name server of our own: for each name the answers it gives, the last one for good."""
    book: dict[str, list[list[str]]] = {}

    def look_up(host, port, *arguments, **more):
        if host in book:
            answers = book[host]
            found = answers.pop(0) if len(answers) > 1 else answers[0]
            family = {True: socket.AF_INET6, False: socket.AF_INET}
            return [(family[":" in a], socket.SOCK_STREAM, 6, "", (a, port)) for a in found]
        return REAL_LOOK_UP(host, port, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return book


@pytest.fixture
def allow(settings):
    def name(*hosts: str) -> None:
        settings.ENVIRONMENT = settings.ENVIRONMENT | {"LABELING_FETCH_HOSTS": list(hosts)}

    return name


FORMS = [
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0.0.1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://017700000001:{port}/",
    "http://127.0.0.01:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://localhost.:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://127。0。0。1:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://[fe80::1]:{port}/",
    "http://[fc00::1]:{port}/",
    "http://[fec0::1]:{port}/",
    "http://[ff02::1]:{port}/",
    "http://10.0.0.1:{port}/",
    "http://172.16.0.1:{port}/",
    "http://192.168.1.1:{port}/",
    "http://100.64.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://user@127.0.0.1:{port}/",
    "http://user:password@example.com/",
    "http://example.com@127.0.0.1:{port}/",
    "http://@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@example.com/",
    "http://example.com\\@127.0.0.1:{port}/",
    "http://127.0.0.1%00.example.com:{port}/",
    "http://127.0.0.1:{port}#@example.com/",
    "http:\n//127.0.0.1:{port}/",
    "http://127.0.0.1\t:{port}/",
    "//127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_GET",
    "dict://127.0.0.1:{port}/",
    "data:image/png;base64,aaaa",
    "unix:///var/run/docker.sock",
    "http://",
    "http://[",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:x/",
    "",
    "x" * 5000,
]


def test_there_are_at_least_forty_forms():
    assert len(set(FORMS)) >= 40


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_private_address_is_connected_to(site, connections, form):
    with pytest.raises(Refusal) as refused:
        fetching.fetch(form.format(port=site.server_port))
    assert refused.value.status == 400
    assert (connections, site.asked) == ([], [])


def test_names_that_lead_to_private_addresses_are_not_connected_to(site, connections, names):
    for private in ["127.0.0.1", "10.1.2.3", "::1", "::ffff:127.0.0.1", "169.254.169.254"]:
        names["photos.example.com"] = [[private]]
        with pytest.raises(Refusal, match="not a public address"):
            fetching.fetch(f"http://photos.example.com:{site.server_port}/")
    assert (connections, site.asked) == ([], [])


def test_one_private_address_among_public_ones_is_enough_to_refuse(connections, names):
    names["photos.example.com"] = [["93.184.216.34", "127.0.0.1"]]
    with pytest.raises(Refusal, match="not a public address"):
        fetching.fetch("http://photos.example.com/")
    assert connections == []


def test_a_name_is_looked_up_once_so_that_it_cannot_be_rebound(connections, names):
    names["rebinding.example.com"] = [["93.184.216.34"], ["127.0.0.1"]]
    with pytest.raises(Refusal, match="could not be read"):
        fetching.fetch("http://rebinding.example.com/")
    assert connections == [("93.184.216.34", 80)]


@pytest.mark.parametrize(
    "target", ["http://10.0.0.1/", "http://[::1]/", "file:///etc/passwd", "//127.0.0.2/", "http://2130706433/"]
)  # fmt: skip
def test_redirects_are_checked_as_the_first_url_is(site, connections, allow, target):
    allow("127.0.0.1")
    with pytest.raises(Refusal) as refused:
        fetching.fetch(f"{site.url}/to/{target}")
    assert refused.value.code == "url_refused"
    assert connections == [("127.0.0.1", site.server_port)]


def test_a_redirect_to_a_name_that_was_rebound_is_refused(site, connections, allow, names):
    allow("127.0.0.1")
    names["photos.example.com"] = [["127.0.0.1"]]
    with pytest.raises(Refusal, match="not a public address"):
        fetching.fetch(f"{site.url}/to/http://photos.example.com:{site.server_port}/")
    assert len(site.asked) == 1


def test_hosts_in_the_setting_are_fetched_from(site, allow):
    allow("127.0.0.1")
    assert fetching.fetch(f"{site.url}/picture.jpg?size=large&x=ü") == PICTURE
    assert site.asked[0][0] == "/picture.jpg?size=large&x=%C3%BC"


def test_redirects_are_followed_a_few_times(site, allow):
    allow("127.0.0.1")
    assert fetching.fetch(f"{site.url}/to/{site.url}/a.jpg") == PICTURE
    assert fetching.fetch(f"{site.url}/to//a.jpg") == PICTURE
    with pytest.raises(Refusal, match="leads on more than 5 times"):
        fetching.fetch(f"{site.url}/to/" * 8)


def test_nothing_of_ours_is_sent_along(site, allow, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    allow("127.0.0.1")
    fetching.fetch(f"{site.url}/")
    sent = {name.lower() for name in site.asked[0][1]}
    assert sent == {"host", "user-agent", "accept", "accept-encoding", "connection"}


@pytest.mark.parametrize(
    ("path", "code"),
    [("/huge", "fetch_too_large"), ("/missing", "fetch_failed"), ("/cut", "fetch_failed")],
)
def test_what_is_too_large_missing_or_cut_off_is_refused(site, allow, path, code):
    allow("127.0.0.1")
    with pytest.raises(Refusal) as refused:
        fetching.fetch(site.url + path)
    assert refused.value.code == code


@pytest.mark.parametrize("path", ["/drip", "/drip-headers"])
def test_the_time_is_bounded_in_all_and_not_for_each_byte(site, allow, monkeypatch, path):
    allow("127.0.0.1")
    monkeypatch.setattr(fetching, "MAX_SECONDS", 0.4)
    start = time.monotonic()
    with pytest.raises(Refusal) as refused:
        fetching.fetch(site.url + path)
    assert refused.value.code == "fetch_too_slow"
    assert time.monotonic() - start < 1.5


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_public(address):
    assert is_public(address)


def test_over_the_api_a_refused_url_is_a_400_and_nothing_is_stored(script, drawn, site):
    before = drawn.images.count()
    for path in (f"/api/similarity-labels?project={drawn.pk}&save=1", f"/api/image/{drawn.pk}/a"):
        answer = script.send(path, {"url": f"{site.url}/"})
        assert (answer.status_code, answer.json()["code"]) == (400, "url_refused")
    assert (drawn.images.count(), site.asked) == (before, [])


def test_over_the_api_an_image_by_url_is_labeled(script, drawn, site, allow):
    allow("127.0.0.1")
    answer = script.send(f"/api/similarity-labels?project={drawn.pk}", {"url": f"{site.url}/"})
    assert answer.json()[0]["label"] == "red circle"
