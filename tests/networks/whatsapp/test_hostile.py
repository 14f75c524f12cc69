"""Any bytes give a result or a ParseError, in linear time and without loss."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fallback.errors import ParseError
from fallback.networks.whatsapp.export import read_export
from fallback.networks.whatsapp.report import as_object, lines

HEAD = b"18/03/2024, 07:02 - Mona: "
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                HEAD, b"\n", b"\r\n", b"[18/03/2024, 07:02:01] A: ", b"\xe2\x80\x8e", b"<Media omitted>", b"POLL:\n",
                b"OPTION: x (1 votes)\n", b"IMG-20240318-WA0001.jpg (file attached)", b": ", b"\x00", b"\xff\xfe",
                b"99/99/9999, 99:99 - ", b'A created group "', b"31/02/2024, 10:00 - B: ", b"\xe2\x81\xa8", b"@",
                b" <This message was edited>", "١٨/٣/٢٠٢٤، ٧:٠٢ م - ".encode(), b"A added you", b"<attached: a.b>",
            ]
        ),
    ),
    max_size=14,
).map(b"".join)  # fmt: skip


@given(data=PIECES)
@example(data=HEAD + b"\xff\xfe\xed\xa0\x80")
@example(data=b"\xff\xfe1")
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(data, tmp_path):
    path = tmp_path / "chat.txt"
    path.write_bytes(data)
    try:
        export = read_export(path, timezone="UTC")
        events = list(export.events)
        as_object(export)
        list(lines(export))
    except ParseError:
        return
    assert len({event.id for event in events}) == len(events)


SIZE = 10 << 20
MONSTERS = {
    "one line": HEAD + b"x" * SIZE,
    "one line of colons": HEAD + b": " * (SIZE // 2),
    "one line of angle brackets": HEAD + b"<" * SIZE,
    "one line of parentheses": HEAD + b"a.b (" * (SIZE // 5) + b")",
    "one line of marks": HEAD + b"\xe2\x80\x8e" * (SIZE // 3),
    "one line of mentions": HEAD + b"@\xe2\x81\xa8" * (SIZE // 4),
    "no colon": b"18/03/2024, 07:02 - " + b"x" * SIZE,
    "quotes": b'18/03/2024, 07:02 - A created group "' + b'" to "' * (SIZE // 6),
    "almost headers": HEAD + b"hi\n" + b"18/03/2024, 07:0x - Mona: hi\n" * (SIZE // 29),
    "headers without a day": HEAD + b"hi\n" + b"99/99/2024, 07:02 - Mona: hi\n" * (SIZE // 29),
    "digits": HEAD + b"1" * SIZE,
    "empty lines": HEAD + b"\n" * SIZE,
    "poll lines": HEAD + b"POLL:\n" + b"OPTION: a (1 votes)\n" * (SIZE // 20),
}


@pytest.mark.parametrize("name", MONSTERS)
def test_ten_megabytes_of_anything_are_one_result(name, tmp_path):
    path = tmp_path / "chat.txt"
    path.write_bytes(MONSTERS[name])
    export = read_export(path, timezone="UTC")
    assert export.totals.records == 1
    assert sum(1 for _ in export.events) == 1


@pytest.mark.parametrize(
    "data", [b"x" * SIZE, b"\n" * SIZE, b"1/1/1\n" * (SIZE // 6), b"[" * SIZE, b"12/12/2024, " * (SIZE // 12)]
)
def test_ten_megabytes_without_a_message_are_refused(data, tmp_path):
    path = tmp_path / "chat.txt"
    path.write_bytes(data)
    with pytest.raises(ParseError) as caught:
        read_export(path)
    assert caught.value.line == 1


def test_lines_before_the_first_message_are_reported(tmp_path):
    path = tmp_path / "chat.txt"
    path.write_bytes(b"forwarded by mail\n" + HEAD + b"hi\n")
    export = read_export(path)
    assert [p.text for p in export.problems] == ["forwarded by mail"]


def test_header_that_names_no_day_stays_in_the_message_before(tmp_path):
    path = tmp_path / "chat.txt"
    path.write_bytes(HEAD + b"see\n31/02/2024, 10:00 - B: no such day\n" + HEAD + b"ok\n")
    texts = [record.text for record in read_export(path).records()]
    assert texts == ["see\n31/02/2024, 10:00 - B: no such day", "ok"]
