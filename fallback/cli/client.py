"""The terminal client, opened by ``fallback`` alone."""


def open_client(profile: str) -> None:
    """Open the client on a profile's own account.

    Raises:
        AuthError: the profile has no account yet.
    """
    import asyncio

    from fallback import compose, logs
    from fallback.paths import Profile

    where = Profile(profile)
    config = compose.settings(where)
    logs.to_file(where.log_file, level=config.logging.level, as_json=config.logging.json)
    asyncio.run(_client(where))


async def _client(where: object) -> None:
    from fallback import compose
    from fallback.paths import Profile
    from fallback.tui.live import client

    assert isinstance(where, Profile)  # noqa: S101
    async with compose.open_store(where) as store:
        await client(where, store, await compose.account(store))
