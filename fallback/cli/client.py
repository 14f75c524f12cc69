"""The terminal client, opened by ``fallback`` alone."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fallback.config import Config
    from fallback.core.ports import Store
    from fallback.core.signs import Side
    from fallback.paths import Profile


def open_client(profile: str, *, plain: bool = False) -> None:
    """Open the client on a profile's own account.

    Raises:
        AuthError: the profile has no account yet, and there is no screen to sign in on.
    """
    import gc

    gc.disable()  # loading makes no garbage; the client turns it on again after its first frame
    import asyncio

    from fallback import compose, logs
    from fallback.paths import Profile

    where = Profile(profile)
    config = compose.settings(where)
    logs.to_file(where.log_file, level=config.logging.level, as_json=config.logging.json)
    asyncio.run(_client(where, config, plain=plain))


async def _client(where: "Profile", config: "Config", *, plain: bool) -> None:
    import asyncio

    from fallback import compose
    from fallback.clock import SystemClock
    from fallback.core.events import Identity
    from fallback.store.media import MediaFolder
    from fallback.tui.live import Live

    async with compose.open_profile(where) as (store, vault):
        if not plain and await store.get(compose.ACCOUNT) is None and not await _sign_in(store, config):
            return
        known = await compose.account(store)
        me = Identity(mxid=known.user, name=known.user.partition(":")[0].removeprefix("@"), me=True)

        async def side() -> "Side":
            await asyncio.to_thread(compose.load_matrix)
            return compose.matrix(where, known, store, vault)

        media = MediaFolder(where.data / "media", vault.subkey("media"))
        live = Live(store, SystemClock(), me, side, media=media)
        try:
            await live.run(config.interface, plain=plain)
        finally:
            if live.side is not None:
                await live.side.close()


async def _sign_in(store: "Store", config: "Config") -> bool:
    """Show the first screen until somebody has signed in; false where the person left it."""
    from fallback.core.ids import UserId
    from fallback.errors import PermanentError
    from fallback.locale import tr
    from fallback.tui.screens.signing_in import SigningIn

    async def sign_in(user: str, password: str, homeserver: str) -> None:
        from fallback.compose.accounts import enter
        from fallback.matrix import signin

        offered = await signin.discover(user, homeserver)
        if not offered.password:
            raise PermanentError(
                tr("This homeserver signs people in with a browser"),
                tr("Leave here and run: {command}").format(command=f"fallback login {user}"),
            )
        await enter(store, offered.url, signin.password(UserId(user), password), user=UserId(user))
        await store.put("tui.identity", "ask")

    return bool(await SigningIn(sign_in, config.interface, homeserver=config.account.homeserver).run_async())
