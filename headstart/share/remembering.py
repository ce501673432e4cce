"""A model class that fits the same data once: arms and folds ask for it again and again."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from headstart.share.skill_models import Prediction, SkillModel, SkillParams
from headstart.share.skill_steps import Layout, SkillSteps, Weights


@dataclass(frozen=True)
class Remembering:
    """Wraps a model class.

    Attributes:
        model: which fits.
        memory: what was fitted, by skill and weights.
    """

    model: SkillModel
    memory: dict[tuple[str, bytes], SkillParams] = field(default_factory=dict, compare=False, repr=False)

    def fit(self, steps: SkillSteps, weights: Weights) -> SkillParams:
        key = steps.layout.procedure, weights.tobytes()
        if key not in self.memory:
            self.memory[key] = self.model.fit(steps, weights)
        return self.memory[key]

    def predict(self, params: SkillParams, layout: Layout, inputs: Float[np.ndarray, "step input"]) -> Prediction:
        return self.model.predict(params, layout, inputs)
