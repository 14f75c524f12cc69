"""The order of day and month comes from the whole file, and an open one is said to be open."""

import pytest

from fallback.errors import UsageError
from fallback.networks.whatsapp.export import read_export


def _export(tmp_path, text, **options):
    path = tmp_path / "chat.txt"
    path.write_bytes(text.encode())
    return read_export(path, timezone="UTC", **options)


def test_an_impossible_day_in_the_last_line_decides(tmp_path):
    lines = [f"0{n}/04/23, 10:00 - A: x\n" for n in range(1, 8)]
    assert _export(tmp_path, "".join(lines) + "04/13/23, 10:00 - A: x\n").date_order == "MDY"
    assert _export(tmp_path, "".join(lines) + "13/04/23, 10:00 - A: x\n").date_order == "DMY"


def test_dates_inside_bodies_do_not_count(tmp_path):
    text = "03/04/23, 10:00 - A: see\nthe 25/12/23, 10:00 plan\n04/04/23, 10:00 - A: 31/12/23, 10:00 - x\n"
    export = _export(tmp_path, text + "04/14/23, 10:00 - A: y\n")
    assert export.date_order == "MDY"


@pytest.mark.parametrize(
    ("name", "order"), [("IMG-20230304-WA0001.jpg", "DMY"), ("IMG-20230403-WA0001.jpg", "MDY")]
)
def test_media_names_decide_where_days_are_small(tmp_path, name, order):
    export = _export(tmp_path, f"04/03/23, 10:00 - A: {name} (file attached)\n04/03/23, 11:00 - A: x\n")
    assert export.date_order == order
    assert not export.order.open
    assert "media names" in export.evidence[0]


def test_time_that_runs_backwards_decides(tmp_path):
    days = ["01/02/23", "01/03/23", "02/01/23", "02/02/23", "03/01/23", "03/02/23", "04/01/23"]
    text = "".join(f"{day}, 10:00 - A: x\n" for day in days)
    export = _export(tmp_path, text)
    assert export.date_order == "MDY"
    assert "backwards" in export.evidence[0]


def test_the_field_that_changes_daily_is_the_day(tmp_path):
    text = "".join(f"{day}/4/23, {hour}:00 - A: x\n" for day in range(1, 9) for hour in (10, 11))
    assert _export(tmp_path, text).date_order == "DMY"
    text = "".join(f"4/{day}/23, {hour}:00 - A: x\n" for day in range(1, 9) for hour in (10, 11))
    assert _export(tmp_path, text).date_order == "MDY"


def test_a_single_day_is_open_and_can_be_told(tmp_path):
    text = "03/04/23, 10:00 - A: x\n03/04/23, 11:00 - A: y\n"
    export = _export(tmp_path, text)
    assert export.order.open
    assert "nothing in the file decides" in export.evidence
    told = _export(tmp_path, text, date_order="MDY")
    assert told.date_order == "MDY"
    assert not told.order.open
    with pytest.raises(UsageError):
        _export(tmp_path, text, date_order="YDM")


def test_american_habit_is_the_guess_for_english_with_am_and_pm(tmp_path):
    assert _export(tmp_path, "3/4/23, 9:00 PM - A: x\n").date_order == "MDY"
    assert _export(tmp_path, "3/4/23, 9:00 pm - A: x\n").date_order == "DMY"


def test_two_digit_year_first_is_recognised(tmp_path):
    text = "".join(f"[24. 3. {day}. PM 3:04:09] A: x\r\n" for day in range(1, 28))
    assert _export(tmp_path, text).date_order == "YMD"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("[3/18/2565 BE, 14:56:01] A: x\r\n[3/19/2565 BE, 14:56:01] A: x\r\n", "2022-03-18"),
        ("[3/18/R4, 14:56:01] A: x\r\n[3/19/R4, 14:56:01] A: x\r\n", "2022-03-18"),
        ("۱۴۰۲/۱۲/۱۵, ۱۵:۰۴ - A: x\n", "2024-03-05"),
        ("5/3/67 15:04 - A: x\n25/3/67 15:04 - A: x\n", "2024-03-05"),
        ("13/3/67 15:04 - A: x\n", "2024-03-13"),
    ],
)
def test_other_calendars_become_gregorian(tmp_path, head, expected):
    from fallback.networks.whatsapp.moments import iso

    assert iso(next(_export(tmp_path, head).records()).stamp)[:10] == expected


@pytest.mark.parametrize(
    ("time", "hour"),
    [
        ("12:05 AM", 0), ("12:05 PM", 12), ("1:05 PM", 13), ("00:05 a. m.", 0), ("下午0:05", 12), ("午後0:05", 12),
        ("晚上11:05", 23), ("凌晨3:05", 3), ("中午12:05", 12), ("٢:٠٧ م", 14), ("du. 3:04", 15), ("3.04 ip.", 15),
        ("15 h 04", 15), ("3:04 μ.μ.", 15), ("ÖS 03:04", 15), ("3:04 ч. pm", 15),
    ],
)  # fmt: skip
def test_day_periods_of_every_language_are_understood(time, hour):
    from fallback.networks.whatsapp.moments import to_seconds

    assert to_seconds(time, {}) // 3600 == hour


def test_unknown_day_period_words_are_learnt_from_the_file(tmp_path):
    text = "".join(
        f"{d:02}/03/2024, {t} - A: x\n"
        for d in range(10, 20)
        for t in ("9:00 zzu", "10:30 zzu", "1:00 qqa", "7:00 qqa")
    )
    hours = [record.stamp // 3600 % 24 for record in _export(tmp_path, text).records()]
    assert hours[:4] == [9, 10, 13, 19]


def test_repeated_hour_of_the_clock_change_is_resolved_by_order(tmp_path):
    text = "".join(
        f"29/10/2023, {t} - A: x\n" for t in ("01:58", "02:30", "02:59", "02:00", "02:30", "03:00")
    )
    path = tmp_path / "chat.txt"
    path.write_text(text)
    at = [event.at // 60000 for event in read_export(path, timezone="Europe/Berlin").events]
    assert at == sorted(at)
    assert at[-1] - at[0] == 122
