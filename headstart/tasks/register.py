"""Our families as Gymnasium environments: `gymnasium.make("headstart/Hopper-v0")`.

Gymnasium 1.0 dropped its plugins, so somebody has to call `register`: `import headstart` does, where Gymnasium has been
imported before it. Registering imports none of the worlds.
"""


def register() -> None:
    """Registers every family; again is no harm. What an id needs is imported when it is made."""
    import gymnasium.envs.registration as registration

    from headstart.tasks.catalogue import FAMILIES

    for name, entry in FAMILIES.items():
        if entry.id not in registration.registry:
            registration.register(
                id=entry.id,
                entry_point="headstart.tasks.family_env:FamilyEnv",
                kwargs={"family": name},
                max_episode_steps=entry.horizon,
            )
