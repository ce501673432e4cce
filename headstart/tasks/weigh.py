"""Bodies of another mass. No JAX here: the worker processes of targets use it too."""

import mujoco


def weigh(model: mujoco.MjModel, masses: tuple[tuple[str, float], ...]) -> None:  # pyright: ignore[reportAttributeAccessIssue]
    """Gives bodies of a model another mass, in kg, and their inertia with it; what follows from it is left to do."""
    for name, mass in masses:
        body = model.body(name).id
        factor = mass / model.body_mass[body]
        model.body_mass[body] *= factor
        model.body_inertia[body] *= factor
