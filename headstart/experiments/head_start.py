"""The main job: does pretraining on a family, nominal or randomized, give a head start on a scarce target?

Every seed trains two sources, one on the family's plain dynamics and one on a spread of them, and where a memory is
asked for a third, on that spread with the memory. Each source meets the target as it is (zero-shot) and learns from k
episodes of it (fine-tune); beside them learns a policy from scratch with the same k episodes. The oracle goes on from
the last source on the target itself, as if that cost nothing.

Source: lecture slides "Idea 1: policy transfer" and "Domain randomization".
"""

import dataclasses
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax

from headstart.adapt.posterior import Posterior
from headstart.adapt.randomize import Uniform
from headstart.adapt.sim_opt import SimOpt
from headstart.data.carry import Carry
from headstart.data.collect import begin, collect, play
from headstart.experiments.adapted import Adapted, AdaptedArm, Foreseen, Pupil
from headstart.experiments.diagnosed import diagnosed, write_diagnosis
from headstart.experiments.finding import Finding, Finished, Foretold, Learning, Scored
from headstart.experiments.on_splits import on_splits, write_splits
from headstart.experiments.scales import Scale
from headstart.experiments.soft_start import STEPS, SoftStart
from headstart.experiments.sources import SOURCE, Kind, key_of, kinds_of, recalled
from headstart.learn.on_policy import discount_for, on_policy, pieces_for
from headstart.learn.recurrent_ppo import NOTHING
from headstart.nets.memory import MemoryName, policy_with
from headstart.run import episodes, sealed
from headstart.run.diverged import Cases, ranges_of, with_cases, write_diverged
from headstart.run.evaluate import Evaluation
from headstart.run.ledger import Counts, Ledger
from headstart.run.tape import Tape
from headstart.run.target import Target
from headstart.run.train import Run, Training, train
from headstart.spaces import ParameterSpace
from headstart.tasks.fixed import Fixed
from headstart.transfer.fine_tune import FineTuning, OnPolicy
from headstart.transfer.hand_off import squashed
from headstart.transfer.off_policy import Experienced, OffPolicy, heir
from headstart.transfer.policy import Graft, require_same_spaces
from headstart.transfer.protocol import FewShot, Shot
from headstart.types import HostFamily, Params, Policy, State, TaskDistribution, TaskFamily

ROLLOUT_STEPS = 64
LEARNING_RATE, EPOCHS = 7e-4, 8  # of sources: their steps are counted, so more is made of each than by the defaults


class Stand(NamedTuple):
    """Where somebody stands who goes on learning.

    Attributes:
        learner: its state.
        carry: of the worlds that it was in; None where it enters anew.
    """

    learner: State
    carry: Carry | None = None


@dataclass(frozen=True, kw_only=True)
class HeadStart:
    """The study.

    Attributes:
        source: the abundant family.
        build_target: makes the scarce world, once for each arm.
        nominal: the plain dynamics.
        randomized: a spread of dynamics.
        shots: numbers of target episodes to compare.
        scale: how much of everything.
        folder: where the ledgers are kept.
        adaptation: adapts the simulator to target episodes; None: no such arm.
        excite: play those episodes in the way that is expected to tell most.
        given: parameters of a policy that is brought along; then nothing is trained on the source.
        fine_tune: how target episodes are learnt from: by PPO, or by SAC that takes the policy over.
        soft: where sources are learnt softly, and fine-tuned while their temperature falls; then `fine_tune` is unused.
        envs: environments side by side on the source.
        memory: what the policy of one more source remembers; or what the policy that is brought along does.
        privileged: parameters of the source's tasks that the critic of that one more source is told.
        attempt: 1, and one more each time that the study is taken up again.
    """

    source: TaskFamily
    build_target: Callable[[], HostFamily]
    nominal: TaskDistribution
    randomized: TaskDistribution
    shots: tuple[int, ...]
    scale: Scale
    folder: Path
    adaptation: Posterior | SimOpt | None = field(default=None, hash=False)
    excite: bool = False
    given: Params | None = field(default=None, hash=False)
    fine_tune: Literal["on-policy", "off-policy"] = "on-policy"
    soft: SoftStart | None = None
    envs: int = 64
    memory: MemoryName = "none"
    privileged: ParameterSpace = NOTHING
    attempt: int = 1

    @property
    def kinds(self) -> dict[str, Kind]:
        """The sources by name. Who goes on from one after all that, the adapted arm and the oracle, takes the last."""
        if self.given is not None:
            return {"given": Kind(self.randomized, self.memory)}
        return kinds_of(self.nominal, self.randomized, self.memory, self.privileged)

    @property
    def methods(self) -> tuple[str, ...]:
        """The rows of the table, in their order."""
        return (
            "scratch",
            *(f"{how} {kind}" for kind in self.kinds for how in ("zero-shot", "fine-tune")),
            *(() if self.adaptation is None else ("adapted",)),
            "oracle",
        )

    def job_of(self, method: str) -> str:
        """Names the piece of work that a method belongs to; what goes on from a source belongs to that source's."""
        return list(self.kinds)[-1] if method in ("oracle", "adapted") else method.rpartition(" ")[2]

    def kind_of(self, method: str) -> str:
        """Names the source whose policy a method's is like; from scratch learns the simplest one."""
        return next(iter(self.kinds)) if method == "scratch" else self.job_of(method)

    def memory_of(self, method: str) -> MemoryName:
        """Returns what a method's policy remembers."""
        return self.kinds[self.kind_of(method)].memory

    def jobs(self, seed: int) -> dict[str, Callable[[], Iterator[Finding]]]:
        """Returns the independent pieces of work of one seed; each yields what it finds as it goes."""
        jobs: dict[str, Callable[[], Iterator[Finding]]] = {"scratch": partial(self.scratch, seed)}
        if self.given is not None:
            jobs["given"] = partial(self.bring, seed)
        else:
            jobs |= {kind: partial(self.transfer, seed, kind) for kind in self.kinds}
        return {name: partial(self.finished, seed, name, job) for name, job in jobs.items()}

    def finished(self, seed: int, name: str, job: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        """Says that a job is over when it is."""
        yield from job()
        yield Finished(seed, name)

    def policy(self, kind: str) -> Any:
        """Returns the policy that a source learns, and the oracle after it."""
        return policy_with(self.kinds[kind].memory, self.source.observation, self.source.action)

    def policy_of(self, method: str) -> Any:
        """Returns the policy that a method ends in."""
        if self.soft is not None:
            return self.soft.policy(self.source)
        policy = self.policy(self.kind_of(method))
        return squashed(policy) if self.takes_over(method) else policy

    def takes_over(self, method: str) -> bool:
        """Tells whether a method learns off-policy; what is evaluated as it came does not learn."""
        off_policy = self.fine_tune == "off-policy" and self.soft is None
        return off_policy and method.startswith(("scratch", "fine-tune"))

    def learner_name(self, method: str) -> str:
        """Names what a method's policy was learnt by, for its bundle."""
        if self.soft is not None:
            return "sac"
        return "off-policy" if self.takes_over(method) else "ppo"

    @property
    def source_steps(self) -> int:
        """Environment steps of each pretraining."""
        if self.soft is not None:
            return self.soft.steps(self.scale.source_steps)
        return self.scale.source_steps if self.adaptation is None else self.scale.open_steps

    @property
    def oracle_steps(self) -> int:
        """Environment steps of the oracle; beside an adapted source those of all its rounds, and of two at least."""
        if self.adaptation is None:
            return self.scale.oracle_steps
        return max(2, sum(k > 0 for k in self.shots)) * self.scale.adapted_steps

    @property
    def discount(self) -> float:
        """γ of sources, of the oracle, and of what is learnt from target episodes: a critic is brought along."""
        return discount_for(None if self.adaptation is not None else self.source.horizon)

    def learner(self, kind: str, env_steps: int | None = None) -> Any:
        """Returns how a source learns, and the oracle after it, in so many environment steps.

        Where the learning rate falls to zero a policy comes to rest, surer of itself and better where it has learnt. A
        source that is to go on in an adapted simulator must not: see docs/log.md, "Rest".
        """
        if self.soft is not None:
            return self.soft.learner(self.source, self.envs, self.source_steps)
        policy, privileged = self.policy(kind), self.kinds[kind].privileged
        if self.adaptation is not None:
            return on_policy(policy, privileged, envs=self.envs, **pieces_for(policy))
        decay = None if env_steps is None else -(-env_steps // (self.envs * ROLLOUT_STEPS))
        return on_policy(
            policy,
            privileged,
            **pieces_for(policy),
            envs=self.envs,
            discount=self.discount,
            learning_rate=LEARNING_RATE,
            epochs=EPOCHS,
            decay=decay,
        )

    def training(self, kind: str, world: TaskFamily, tasks: TaskDistribution, env_steps: int) -> Training:
        """Returns how a source, or the oracle after it, is trained for so many environment steps, beside others."""
        steps, learner = ROLLOUT_STEPS if self.soft is None else STEPS, self.learner(kind, env_steps)
        return Training(family=world, learner=learner, distribution=tasks, envs=self.envs, steps=steps, split=False)

    def tuning(self, method: str) -> FineTuning:
        """Returns how target episodes are learnt from: the same for every arm that learns from them.

        A policy that is brought along has no value function; it waits for one to be learnt.
        """
        if self.soft is not None:
            return self.soft.tuning(self.source)
        if self.takes_over(method):
            return OffPolicy(learner=heir(self.policy(self.kind_of(method))))
        learner = on_policy(
            self.policy(self.kind_of(method)),
            self.kinds[self.kind_of(method)].privileged,  # a target tells none: it is told the mean of what it has seen
            envs=1,
            discount=self.discount,
            epochs=10,
            minibatch_size=256,
            target_kl=0.02,
            critic_warmup=0 if self.given is None else 1,
        )
        parts = ("params", "critic", "returns") if self.given is None else ("params",)
        return OnPolicy(learner=learner, graft=Graft(parts=parts))

    def known(self, seed: int, kind: str, state: State) -> Experienced:
        """Lets a source act once more where it has learnt: for an off-policy learner to know these steps."""
        tasks = self.kinds[kind].tasks
        key_tasks, key_begin, key_act = jax.random.split(key_of(seed, f"experience {kind}"), 3)
        pool = tasks.sample(key_tasks, tasks.init(key_tasks), self.envs)
        policy, params = self.policy(kind), self.learner(kind).params(state)
        carry = begin(key_begin, self.source, policy, params, pool, self.envs)
        steps = max(1, self.scale.experience_steps // self.envs)
        return Experienced(params, collect(key_act, self.source, policy, params, carry, pool, steps)[0])

    def scratch(self, seed: int) -> Iterator[Scored]:
        """Learns on the target alone, with the same budget of episodes."""
        yield from self.meet(seed, "scratch", None, self.shots)

    def transfer(self, seed: int, kind: str) -> Iterator[Finding]:
        """Trains a source and brings it to the target."""
        training = self.training(kind, self.source, self.kinds[kind].tasks, self.source_steps)
        place = self.folder / "sources" / f"{kind}-{seed}"
        state = recalled(place, training.learner.init)
        if state is None:
            run, _ = yield from self.learn(seed, kind, training, self.source_steps)
            state = run.learner
            sealed.write(place, SOURCE, self.source_steps, state, {})
        self.diagnose(seed, kind, state)
        if isinstance(self.randomized, Uniform):
            params, key = training.learner.params(state), key_of(seed, "splits")
            policy, episodes = self.policy_of(f"zero-shot {kind}"), self.scale.evaluation_episodes
            worth = on_splits(key, self.source, policy, params, self.randomized, episodes)
            write_splits(self.folder, kind, seed, worth)
        yield from self.arms(seed, kind, state)
        if kind == self.job_of("oracle"):
            yield from self.adapted(seed, state)
            yield from self.oracle(seed, state)

    def bring(self, seed: int) -> Iterator[Finding]:
        """Brings the given policy to the target."""
        state = self.learner("given").init(key_of(seed, "given"))._replace(params=self.given)
        self.diagnose(seed, "given", state)
        yield from self.arms(seed, "given", state)
        yield from self.adapted(seed, state)
        yield from self.oracle(seed, state)

    def diagnose(self, seed: int, kind: str, state: State) -> None:
        """Writes down what a source still has left to try at home."""
        policy, params = self.policy_of(f"zero-shot {kind}"), self.learner(kind).params(state)
        temperature = None if self.soft is None else self.soft.schedule.start
        found = diagnosed(key_of(seed, "diagnosis"), self.source, policy, params)
        write_diagnosis(self.folder, kind, seed, found, temperature)

    def arms(self, seed: int, kind: str, state: State) -> Iterator[Scored]:
        """Meets the target as the source left it, and after some of its episodes."""
        if 0 in self.shots:
            yield from self.meet(seed, f"zero-shot {kind}", state, (0,))
        if shots := tuple(k for k in self.shots if k > 0):
            method = f"fine-tune {kind}"
            source = self.known(seed, kind, state) if self.takes_over(method) else state
            yield from self.meet(seed, method, source, shots)

    def adapted(self, seed: int, state: State) -> Iterator[Finding]:
        """Goes on from a source in the simulator as target episodes say it should be; at k = 0, as it was."""
        if self.adaptation is None:
            return
        kind, steps = self.job_of("adapted"), self.scale.adapted_steps

        def learn(distribution: TaskDistribution, before: Stand, turn: int) -> Generator[Learning, None, Stand]:
            training = self.training(kind, self.source, distribution, steps)
            run, _ = yield from self.learn(seed, "adapted", training, steps, *before, turn)
            return Stand(run.learner, run.carry)

        target, used = self.target("adapted", seed, max(self.shots))
        shots, path = tuple(k for k in self.shots if k > 0), self.folder / f"adaptation-{seed}.json"
        arm, policy = AdaptedArm(self.adaptation, shots, self.excite, path), self.policy_of("adapted")
        greedy: Policy = dataclasses.replace(policy, deterministic=True)
        learner, before = self.learner(kind), self.randomized
        pupil = Pupil(Stand(state), learn, lambda stand: learner.params(stand.learner))
        for found in arm.meet(key_of(seed, "adapted"), target, policy, pupil, before if 0 in self.shots else None):
            if not isinstance(found, Adapted):
                yield Foretold(seed, *found) if isinstance(found, Foreseen) else found
                continue
            played = target.run(
                key_of(seed, "evaluation"), greedy, found.params, self.scale.evaluation_episodes, "evaluation"
            )
            worth = Evaluation.of(played)
            shot = Shot(found.shots, worth.episode_return, found.practice, found.params, found.wall_seconds)
            shot = shot._replace(broken=worth.broke, broken_practice=found.broken)
            yield Scored(seed, "adapted", found.shots, shot, used())

    def oracle(self, seed: int, state: State) -> Iterator[Finding]:
        """Goes on from a source on the target as if it cost nothing, for scale: what there is to win."""
        family = self.build_target()
        distribution = Fixed(task=family.task())
        training = self.training(self.job_of("oracle"), family, distribution, self.oracle_steps)
        run, used = yield from self.learn(seed, "oracle", training, self.oracle_steps, state)
        for scored in self.meet(seed, "oracle", run.learner, (0,)):
            begun = int(used.finished) + self.envs  # an episode counts from its beginning
            counts = scored.counts._replace(adaptation_episodes=begun, adaptation_steps=int(used.steps))
            yield scored._replace(counts=counts, shots=max(self.shots))

    def learn(
        self,
        seed: int,
        name: str,
        training: Training,
        env_steps: int,
        state: State | None = None,
        carry: Carry | None = None,
        turn: int = 0,
    ) -> Generator[Learning, None, tuple[Run, episodes.Episodes]]:
        """Trains and says how it goes; returns where the run stands then, and the episodes that it took.

        Who goes on from a state begins with the whole learning rate again; `turn` counts how often it did so before.
        With a `carry` it goes on in the episodes in which it was interrupted: where all worlds begin anew, the next
        rollouts see beginnings alone.
        """
        key = key_of(seed, name)
        if turn:
            key = jax.random.fold_in(key, turn)
        if state is not None and self.soft is None:
            state = state._replace(updates=0 * state.updates)
        run, seen = training.start(key, state), episodes.start(training.envs)
        if carry is not None:
            run = run._replace(carry=carry)
        began, cases = time.monotonic(), Cases()
        for progress in train(training, run, env_steps):
            cases = with_cases(cases, progress.rollout)
            run, seen = progress.run, episodes.track(seen, progress.rollout)
            rate = float(run.env_steps) / (time.monotonic() - began)
            mean = episodes.metrics(seen).get("rollout/ep_rew_mean", 0.0)
            yield Learning(seed, name, int(run.env_steps), env_steps, mean, rate)
        file = self.folder / f"diverged-{name}-{seed}{f'-{turn}' if turn else ''}.json"
        space, ranges = training.family.dynamics, ranges_of(training.distribution) or ranges_of(self.randomized)
        write_diverged(file, [seen], cases, space, ranges, name, seed)
        return run, seen

    def meet(self, seed: int, method: str, state: State | None, shots: tuple[int, ...]) -> Iterator[Scored]:
        """Lets a policy meet the target through a ledger of its own."""
        target, used = self.target(method, seed, max(shots))
        protocol = FewShot(shots=shots, evaluation_episodes=self.scale.evaluation_episodes)
        for shot in protocol.meet(key_of(seed, method), target, self.tuning(method), state, key_of(seed, "evaluation")):
            yield Scored(seed, method, shot.shots, shot, used())

    def target(self, method: str, seed: int, budget: int) -> tuple[Target, Callable[[], Counts]]:
        """Builds the target behind a ledger of its own; what it has given already is read, not played.

        Returns:
            The target, and a function that says what was used of it up to this point of the study. After an
            interruption the ledger knows of more than the study has come to again.
        """
        name = f"{method.replace(' ', '-')}-{seed}"
        ledger = Ledger(path=self.folder / f"ledger-{name}.json", budget=budget)
        tape = Tape(self.folder / "episodes" / name)
        ledger.settle(tape.counts())
        target = Target(self.build_target, ledger, play, tape)
        require_same_spaces(self.source, target)
        return target, lambda: tape.passed()._replace(lost_episodes=ledger.counts().lost_episodes)
