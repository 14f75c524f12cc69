"""The terminal client, opened by ``fallback`` alone."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fallback.config import Interface
    from fallback.core.ports import Homeserver
    from fallback.paths import Profile


def open_client(profile: str, *, plain: bool = False) -> None:
    """Open the client on a profile's own account.

    Raises:
        AuthError: the profile has no account yet.
    """
    import gc

    gc.disable()  # loading makes no garbage; the client turns it on again after its first frame
    import asyncio

    from fallback import compose, logs
    from fallback.paths import Profile

    where = Profile(profile)
    config = compose.settings(where)
    logs.to_file(where.log_file, level=config.logging.level, as_json=config.logging.json)
    asyncio.run(_client(where, config.interface, plain=plain))


async def _client(where: "Profile", interface: "Interface", *, plain: bool) -> None:
    import asyncio

    from fallback import compose
    from fallback.clock import SystemClock
    from fallback.core.events import Identity
    from fallback.tui.live import Live

    async with compose.open_profile(where) as (store, vault):
        known = await compose.account(store)
        me = Identity(mxid=known.user, name=known.user.partition(":")[0].removeprefix("@"), me=True)

        async def side() -> Homeserver:
            await asyncio.to_thread(compose.load_matrix)
            return compose.matrix(where, known, store, vault)

        live = Live(store, SystemClock(), me, side)
        try:
            await live.run(interface, plain=plain)
        finally:
            if live.side is not None:
                await live.side.close()
