"""How much of everything the main job does, at each size."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything; the one dial.

    Attributes:
        seeds: independent repetitions.
        source_steps: environment steps of each pretraining.
        open_steps: likewise where the simulator is adapted and the source goes on in it.
        adapted_steps: environment steps for which a source goes on in the adapted simulator.
        oracle_steps: environment steps of the oracle on the target.
        evaluation_episodes: for each method, k and seed.
        experience_steps: of a source at home, that an off-policy learner is given.
    """

    seeds: int
    source_steps: int
    open_steps: int
    adapted_steps: int
    oracle_steps: int
    evaluation_episodes: int
    experience_steps: int


SCALES = {
    "tiny": Scale(
        seeds=1,
        source_steps=32_768,
        open_steps=32_768,
        adapted_steps=4_096,
        oracle_steps=8_192,
        evaluation_episodes=5,
        experience_steps=4_096,
    ),
    "small": Scale(
        seeds=3,
        source_steps=458_752,
        open_steps=524_288,
        adapted_steps=65_536,
        oracle_steps=32_768,
        evaluation_episodes=10,
        experience_steps=16_384,
    ),
    "full": Scale(
        seeds=10,
        source_steps=2_000_000,
        open_steps=2_000_000,
        adapted_steps=500_000,
        oracle_steps=1_000_000,
        evaluation_episodes=50,
        experience_steps=65_536,
    ),
}
