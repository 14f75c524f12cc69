"""How far a migration is, as lines."""

from fallback.cli.import_meter import meter, pace


def test_without_a_terminal_each_tenth_of_each_step_is_a_line(capsys):
    with meter() as told:
        for done in range(1, 101):
            told("messages", done, 100)
        told("people", 1, 1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("importing: 10 of 100")
    assert len(lines) == 11
    assert lines[-1] == "people: 1 of 1"


def test_a_pace_tells_rate_and_time_left_once_they_are_known():
    assert pace(100, 400, 2.0) == ", 50 a second, about 8 s left"
    assert pace(500, 0, 2.0) == ", 250 a second"
    assert pace(1, 400, 0.1) == pace(0, 400, 2.0) == ""
