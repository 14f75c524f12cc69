"""One thread owns the database; what waits together is committed together and told after the commit."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from fallback.errors import StoreError
from fallback.store.engine import Engine

T = TypeVar("T")
BATCH = 512
"""Jobs that share a transaction at most."""


class _Job(NamedTuple):
    work: Callable[[Engine], Any]
    write: bool
    told: "asyncio.Future[Any]"


class _Result(NamedTuple):
    told: "asyncio.Future[Any]"
    value: Any = None
    error: Exception | None = None


class Writer:
    """Runs jobs on a connection, in the order in which they come.

    A job is a function of the connection alone and may run twice: when a shared transaction fails, each of
    its jobs gets its own.

    Args:
        translate: says what a database's error means; all else it gives back as it is.
    """

    def __init__(self, translate: Callable[[Exception], Exception]) -> None:
        self.translate = translate
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._jobs: deque[_Job] = deque()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._called = False

    async def open(self, connect: Callable[[], Engine]) -> None:
        """Open the connection on the writer's thread."""
        try:
            self._engine = await self._loop.run_in_executor(self._executor, connect)
        except Exception as error:  # noqa: BLE001 - translated, and bugs stay what they are
            self._closed = True
            self._executor.shutdown(wait=False)
            raise self.translate(error) from error.__cause__

    async def run(self, work: Callable[[Engine], T], *, write: bool = True) -> T:
        """Run a job in a transaction and give its result after the commit.

        Args:
            write: false for one that only reads.

        Raises:
            StoreError: the store is closed or can't be used; then nothing of the job was kept.
        """
        if self._closed:
            raise StoreError("the store is closed")
        told: asyncio.Future[T] = self._loop.create_future()
        self._jobs.append(_Job(work, write, told))
        if not self._called:
            self._called = True
            self._executor.submit(self._drain)
        return await told

    async def close(self, after: Callable[[], None]) -> None:
        """Finish what waits, close the connection and call ``after``; a second call is harmless."""
        if self._closed:
            return
        self._closed = True
        last = self._loop.run_in_executor(self._executor, self._end, after)
        self._executor.shutdown(wait=False)
        await asyncio.shield(last)

    def _end(self, after: Callable[[], None]) -> None:
        try:
            self._engine.close()
        finally:
            after()

    def _drain(self) -> None:
        """Commit until nothing waits; a job that comes after the last look calls anew."""
        self._called = False
        while self._jobs:
            jobs: list[_Job] = []
            while self._jobs and len(jobs) < BATCH:
                jobs.append(self._jobs.popleft())
            results = self._commit(jobs)
            with contextlib.suppress(RuntimeError):  # the loop was closed with jobs in flight
                self._loop.call_soon_threadsafe(_tell, results)

    def _commit(self, jobs: list[_Job]) -> list[_Result]:
        engine = self._engine
        try:
            engine.begin(write=any(job.write for job in jobs))
            results = [_Result(job.told, job.work(engine)) for job in jobs]
            engine.commit()
        except Exception as error:  # noqa: BLE001 - each job's caller gets its own
            engine.roll_back()
            if len(jobs) == 1:
                return [_Result(jobs[0].told, error=self.translate(error))]
            return [result for job in jobs for result in self._commit([job])]
        return results


def _tell(results: list[_Result]) -> None:
    for result in results:
        if result.told.done():
            continue
        if result.error is not None:
            result.told.set_exception(result.error)
        else:
            result.told.set_result(result.value)
