"""Where a Matrix id leads, and where it must not."""

import contextlib

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from fallback.errors import AuthError, FallbackError, PermanentError, TransientError, UsageError
from fallback.matrix.signin.addresses import safe_address
from fallback.matrix.signin.discovery import discover, options, well_known


@contextlib.asynccontextmanager
async def serving(pages):
    """Serve answers by path: a JSON value, a status, bytes, or a handler."""

    async def handler(request):
        page = pages.get(request.path, 404)
        if callable(page):
            return await page(request)
        if isinstance(page, int):
            return web.json_response({"errcode": "M_UNRECOGNIZED"}, status=page)
        return web.Response(body=page) if isinstance(page, bytes) else web.json_response(page)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


WELL_KNOWN = "/.well-known/matrix/client"
HOMESERVER = {
    "/_matrix/client/versions": {"versions": ["v1.11", "v1.15"]},
    "/_matrix/client/v3/login": {
        "flows": [
            {"type": "m.login.password"},
            {"type": "m.login.sso", "identity_providers": [{"id": "cas", "name": "Work\x1b[2J"}]},
            {"type": "m.login.new", "more": {}},
        ]
    },
}


async def test_a_matrix_id_leads_through_the_well_known_to_the_ways_in():
    async with serving(dict(HOMESERVER)) as homeserver:
        pages = {WELL_KNOWN: {"m.homeserver": {"base_url": f"{homeserver}/"}, "m.identity_server": {}}}
        async with serving(pages) as site:
            found = await discover("@sara:example.org:8448", lookup=site)
    assert (found.url, found.password, found.sso, found.oauth) == (homeserver, True, True, None)
    assert found.versions == ("v1.11", "v1.15")
    assert [(one.id, one.name) for one in found.providers] == [("cas", "Work[2J")]


async def test_an_address_given_by_hand_is_asked_at_once():
    async with serving(dict(HOMESERVER)) as homeserver:
        assert (await discover("@sara:nowhere.invalid", homeserver)).url == homeserver


async def test_a_server_that_does_not_answer_asks_for_the_address():
    with pytest.raises(TransientError, match="does not answer") as raised:
        await discover("@sara:example.org", lookup="http://127.0.0.1:1")
    assert "--homeserver" in raised.value.hint


async def test_no_well_known_is_no_answer():
    async with serving({}) as site:
        assert await well_known(site) is None


@pytest.mark.parametrize(
    "page", [b"", b"<html>", 500, 403, [], {}, {"m.homeserver": "x"}, {"m.homeserver": {}}]
)
async def test_a_well_known_that_says_nothing_asks_for_the_address(page):
    async with serving({WELL_KNOWN: page}) as site:
        with pytest.raises(AuthError) as raised:
            await well_known(site)
    assert "--homeserver" in raised.value.hint


@pytest.mark.parametrize(
    "base_url",
    ["http://example.org", "https://me:secret@example.org", "javascript:x", "//x", "file:///etc/passwd"],
)
async def test_a_well_known_can_not_lead_to_an_unsafe_address(base_url):
    async with serving({WELL_KNOWN: {"m.homeserver": {"base_url": base_url}}}) as site:
        with pytest.raises(AuthError, match="can't be used"):
            await discover("example.org", lookup=site)


@pytest.mark.parametrize("place", ["http://127.0.0.1:1/x", "//me@example.org/x", "", WELL_KNOWN, "ftp://x"])
async def test_a_well_known_does_not_lead_away_from_https(place):
    async def moved(_request):
        return web.Response(status=302, headers={"Location": place})

    async with serving({WELL_KNOWN: moved}) as site:
        with pytest.raises(AuthError, match="in circles"):
            await well_known(site)


@pytest.mark.parametrize("packed", [False, True])
async def test_a_well_known_of_a_gigabyte_is_not_taken(packed):
    sent = 0

    async def endless(request):
        nonlocal sent
        response = web.StreamResponse()
        if packed:
            response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                await response.write(b" " * 1_000_000)
                sent += 1
        return response

    async with serving({WELL_KNOWN: endless}) as site:
        with pytest.raises(AuthError, match="larger"):
            await well_known(site)
    assert sent < 300


async def test_a_homeserver_that_sends_us_elsewhere_is_refused():
    async def moved(_request):
        return web.Response(status=302, headers={"Location": "https://example.org/"})

    async with serving({"/_matrix/client/versions": moved}) as site:
        with pytest.raises(PermanentError, match="elsewhere"):
            await options(site)


@pytest.mark.parametrize("page", [b"<html>Welcome to the hotel", [], {"versions": 3}])
async def test_what_is_no_homeserver_is_told(page):
    async with serving({"/_matrix/client/versions": page}) as site:
        with pytest.raises(TransientError, match="no Matrix homeserver"):
            await options(site)


async def test_a_homeserver_without_versions_is_none():
    async with serving({"/_matrix/client/versions": {}}) as site:
        with pytest.raises(PermanentError, match="no Matrix homeserver"):
            await options(site)


async def test_an_authorization_server_in_clear_is_refused():
    pages = {
        **HOMESERVER,
        "/_matrix/client/v1/auth_metadata": {"issuer": "https://x", "token_endpoint": "http://x/t"},
    }
    async with serving(pages) as site:
        with pytest.raises(PermanentError, match="in clear"):
            await options(site)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("example.org", "https://example.org"),
        (" https://example.org:8448/ ", "https://example.org:8448"),
        ("http://localhost:8008", "http://localhost:8008"),
        ("http://[::1]:8008", "http://[::1]:8008"),
        ("https://example.org/matrix", "https://example.org/matrix"),
    ],
)
def test_an_address_may_be_written_short(written, address):
    assert safe_address(written) == address


@pytest.mark.parametrize(
    "user", ["@sara:", "@sara:a b", "@sara:me@host", "@sara:host/path", "@sara:x:99999999", "@sara:["]
)
async def test_what_is_no_matrix_id_is_told(user):
    with pytest.raises(UsageError, match="Matrix id"):
        await discover(user)


@given(st.text(alphabet="htps:/@[]?#.x0١\x00 ", max_size=20))
def test_any_address_is_taken_or_refused(text):
    with contextlib.suppress(FallbackError):
        assert "@" not in safe_address(text).split("/")[2]
