"""Ctrl-C during an import."""

import asyncio
import os
import signal

import pytest

from fallback.cli.import_run import stoppable
from fallback.errors import InterruptedWorkError


class Run:
    stopping = False


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


async def test_the_first_one_asks_the_run_to_stop_and_lets_it_finish(capsys):
    run = Run()
    with stoppable(run):
        interrupt()
        while not run.stopping:
            await asyncio.sleep(0)
    assert "Ctrl-C again stops at once" in capsys.readouterr().err


async def interrupted_twice(run):
    with stoppable(run):
        interrupt()
        while not run.stopping:
            await asyncio.sleep(0)
        interrupt()
        await asyncio.Event().wait()


async def test_the_second_one_does_not_wait():
    with pytest.raises(InterruptedWorkError, match="at once"):
        await interrupted_twice(Run())
