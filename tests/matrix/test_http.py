import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from fallback.errors import AuthError, FallbackError, PermanentError, TransientError
from fallback.matrix.http import MatrixHttp, RefusedError, UnknownTokenError, bearer, refusal

TOKEN = "syt_c2VjcmV0_abcdefghij_0"


@contextlib.asynccontextmanager
async def serving(handler) -> AsyncIterator[MatrixHttp]:
    """Run a web server with one handler for everything, and a client of it."""
    app = web.Application(client_max_size=10_000_000)
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    http = MatrixHttp(f"http://127.0.0.1:{port}/", TOKEN, timeout=10)
    try:
        yield http
    finally:
        await http.close()
        await runner.cleanup()


def answering(status: int, body: object = None, headers: dict[str, str] | None = None):
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(body or {}, status=status, headers=headers)

    return handler


async def test_the_token_is_in_the_header_and_nowhere_else():
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response({"ok": await request.json()})

    async with serving(handler) as http:
        answer = await http.json("PUT", "/a?x=1", body={"نص": "é"}, params={"user_id": "@wa_1:x", "n": "a&b"})
    assert answer == {"ok": {"نص": "é"}}
    (request,) = seen
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in str(request.url)
    assert dict(request.query) == {"x": "1", "user_id": "@wa_1:x", "n": "a&b"}


async def test_other_headers_speak_for_somebody_else():
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(request.headers["Authorization"])

    async with serving(handler) as http:
        assert await http.json("GET", "/", headers=bearer("other")) == "Bearer other"
    assert "Authorization" not in bearer("")


async def test_a_path_arrives_as_it_was_quoted():
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(request.raw_path)

    async with serving(handler) as http:
        assert await http.json("GET", "/rooms/%21a%2Fb%3Fc%23d%25/x") == "/rooms/!a%2Fb%3Fc%23d%25/x"


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}, {}, 1.5),
        ({"errcode": "M_LIMIT_EXCEEDED"}, {"Retry-After": "7"}, 7.0),
        ({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}, {"Retry-After": "2"}, 1.5),
        ({}, {"Retry-After": "Tue, 24 Nov 2026 19:00:00 GMT"}, 0.0),
        ({}, {}, 0.0),
    ],
)
async def test_a_rate_limit_says_how_long_to_wait(body, headers, seconds):
    async with serving(answering(429, body, headers)) as http:
        with pytest.raises(TransientError) as raised:
            await http.json("GET", "/")
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
async def test_trouble_of_the_server_is_transient(status):
    async with serving(answering(status)) as http:
        with pytest.raises(TransientError, match=str(status)):
            await http.json("GET", "/")


async def test_nobody_at_home_is_transient():
    http = MatrixHttp("http://127.0.0.1:1", TOKEN)
    with pytest.raises(TransientError) as raised:
        await http.json("GET", "/")
    assert TOKEN not in str(raised.value)
    await http.close()


async def test_a_server_that_never_answers_is_transient():
    hang = asyncio.Event()

    async def handler(_request: web.Request) -> web.Response:
        await hang.wait()
        return web.Response()

    async with serving(handler) as http:
        slow = MatrixHttp(http.url, timeout=0.05)
        with pytest.raises(TransientError):
            await slow.json("GET", "/")
        await slow.close()
        hang.set()


async def test_a_refused_token_is_an_auth_error():
    async with serving(
        answering(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "Unrecognised token."})
    ) as http:
        with pytest.raises(AuthError, match=r"Unrecognised token$"):
            await http.json("GET", "/")


async def test_any_other_no_is_permanent_and_keeps_matrix_own_word():
    async with serving(answering(403, {"errcode": "M_FORBIDDEN", "error": "Not in the room\x1b[2J"})) as http:
        with pytest.raises(PermanentError) as raised:
            await http.json("GET", "/")
    assert isinstance(raised.value, RefusedError)
    assert (raised.value.errcode, raised.value.status) == ("M_FORBIDDEN", 403)
    assert "\x1b" not in raised.value.message


async def test_a_redirect_never_takes_the_token_elsewhere():
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    async with serving(handler) as http:
        with pytest.raises(PermanentError, match="elsewhere"):
            await http.json("GET", "/here")
    assert asked == ["/here"]


async def test_a_sign_in_page_of_a_network_is_no_homeserver():
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text="<html>Welcome to the hotel</html>")

    async with serving(handler) as http:
        with pytest.raises(TransientError, match="no Matrix homeserver"):
            await http.json("GET", "/")


@pytest.mark.parametrize("declared", [True, False])
async def test_a_file_that_is_too_large_is_not_taken(declared):
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if declared:
            response.content_length = 5000
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                await response.write(b"x" * 100)
        return response

    async with serving(handler) as http:
        assert len(await http.download("/", limit=5000)) == 5000
        with pytest.raises(PermanentError, match="larger"):
            await http.download("/", limit=4999)


async def test_an_upload_names_the_file_and_its_type():
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Content-Type"] == "image/jpeg"
        assert request.query["filename"] == "صورة & 1.jpg"
        assert await request.read() == b"\xff\xd8"
        return web.json_response({"content_uri": "mxc://x/y"})

    async with serving(handler) as http:
        assert await http.upload(b"\xff\xd8", mimetype="image/jpeg", filename="صورة & 1.jpg") == "mxc://x/y"


async def test_an_upload_that_the_server_finds_too_large_says_so():
    async with serving(answering(413, {"errcode": "M_TOO_LARGE"})) as http:
        with pytest.raises(RefusedError, match="larger than the homeserver takes"):
            await http.upload(b"x", mimetype="", filename="")


async def test_it_can_be_closed_twice_and_used_again():
    async with serving(answering(200, {"a": 1})) as http:
        assert await http.json("GET", "/") == {"a": 1}
        await http.close()
        await http.close()
        assert await http.json("GET", "/") == {"a": 1}


@pytest.mark.parametrize(
    "url", ["", "example.org", "ftp://x", "https://user:pw@host", "https://h/?q", "https://"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(PermanentError):
        MatrixHttp(url, TOKEN)


@given(
    st.integers(300, 999),
    st.binary(max_size=200),
    st.dictionaries(st.just("Retry-After"), st.text(max_size=8)),
)
def test_any_answer_becomes_one_of_our_errors(status, raw, headers):
    error = refusal(status, raw, headers)
    assert isinstance(error, FallbackError)
    assert "\n" not in error.message


async def expiring(request: web.Request) -> web.Response:
    """Take the token ``fresh`` alone."""
    if request.headers["Authorization"] == "Bearer fresh":
        return web.json_response({"content_uri": f"{request.content_type} {len(await request.read())}"})
    return web.json_response(
        {"errcode": "M_UNKNOWN_TOKEN", "error": "expired", "soft_logout": True}, status=401
    )


async def test_an_expired_token_is_renewed_once_and_the_request_is_made_again_whole():
    renewed = []

    async def renew(expired: str) -> str:
        renewed.append((expired, "fresh"))
        return "fresh"

    async with serving(expiring) as plain:
        http = MatrixHttp(plain.url, TOKEN, renew=renew)
        uploads = (http.upload(b"x" * 1000, mimetype="image/png", filename="a") for _ in range(5))
        assert await asyncio.gather(*uploads) == ["image/png 1000"] * 5
        assert (http.token, renewed) == ("fresh", [(TOKEN, "fresh")])
        await http.close()


async def test_a_request_in_another_s_name_is_not_renewed():
    async with serving(expiring) as plain:
        http = MatrixHttp(plain.url, "fresh", renew=lambda _: pytest.fail("renewed"))
        with pytest.raises(UnknownTokenError):
            await http.json("GET", "/", headers=bearer("other"))
        await http.close()


async def test_a_token_that_is_refused_at_once_again_is_not_renewed_for_ever():
    async def renew(_expired: str) -> str:
        return "stale"

    async with serving(expiring) as plain:
        http = MatrixHttp(plain.url, TOKEN, renew=renew)
        with pytest.raises(UnknownTokenError):
            await http.json("GET", "/")
        await http.close()


@pytest.mark.parametrize(
    ("error", "raised"), [(AuthError, UnknownTokenError), (TransientError, TransientError)]
)
async def test_a_renewal_that_fails_tells_whether_to_wait_or_to_sign_in_again(error, raised):
    async def renew(_expired: str) -> str:
        raise error("no")

    async with serving(expiring) as plain:
        http = MatrixHttp(plain.url, TOKEN, renew=renew)
        with pytest.raises(raised) as told:
            await http.json("GET", "/")
        assert http.token == TOKEN
        assert getattr(told.value, "soft", True)
        await http.close()
