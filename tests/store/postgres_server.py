"""A PostgreSQL server of our own: made, started and thrown away by a test, on a Unix socket."""

import functools
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

USER = "postgres"
SETTINGS = "-c listen_addresses='' -c fsync=off -c max_connections=40 -c shared_buffers=16MB -c log_min_messages=panic"


@functools.cache
def programs():
    """The folder of initdb and pg_ctl; Debian keeps it out of the path."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: float(one.parts[-3]))
    return Path(os.path.realpath(found)).parent if found else debian[-1].parent if debian else None


def why_not():
    """Say why no server can be started here; empty where one can."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed (pip install 'fallback[postgres]')"
    if programs() is None:
        return "no PostgreSQL server is installed (apt-get install postgresql)"
    if os.geteuid() == 0 and not _owner():
        return "PostgreSQL does not run as root, and there is no user to run it as"
    return ""


def _owner():
    """The user to run as, where we are root."""
    names = {one.pw_name for one in pwd.getpwall()}
    return next((name for name in (USER, "nobody") if name in names), "") if os.geteuid() == 0 else ""


class PostgresServer:
    """One cluster; each store in it has a schema of its own."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="fallback-postgres-"))
        if _owner():
            shutil.chown(self.folder, _owner())
        self.data, self.schemas = self.folder / "data", 0
        self.run("initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        self.start()

    def run(self, program, *args):
        subprocess.run(
            [programs() / program, *map(str, args)], check=True, stdout=subprocess.DEVNULL, cwd="/",
            stderr=subprocess.DEVNULL, timeout=60, user=_owner() or None, extra_groups=[] if _owner() else None,
        )  # fmt: skip

    def start(self):
        self.run(
            "pg_ctl", "-D", self.data, "-w", "-o", f"{SETTINGS} -k {self.folder}", "-l", "/dev/null", "start"
        )

    def stop(self, mode="fast"):
        self.run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def remove(self):
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self):
        import psycopg

        return psycopg.connect(self.url("public"), autocommit=True)

    def url(self, schema):
        return f"postgresql://{USER}@/postgres?host={self.folder}&options=-csearch_path%3D{schema}"

    def fresh(self):
        """Give the URL of an empty store."""
        self.schemas += 1
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA store{self.schemas}")
        return self.url(f"store{self.schemas}")


@functools.cache
def _running():
    return PostgresServer()


def running():
    """Give this process's server, or skip the test and say why."""
    if why_not():
        pytest.skip(why_not())
    return _running()


def stop_running():
    if _running.cache_info().currsize:
        _running().remove()
        _running.cache_clear()
