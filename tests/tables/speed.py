"""Speed beside peers and limits."""

from tests.tables import result


def speed():
    """One row a goal: what was measured, the goal, and whether it was met."""
    ppo, sac = result("ppo_hopper.json")["found"], result("sac_updates.json")
    hopper, scan = result("collection_hopper.json")["families"]["hopper"], result("jax_collection.json")
    maze = max(row["steps_per_second"] for row in scan["rows"] if row["family"] == "point_maze")
    memory, fitting = result("recurrent_ppo.json")["found"], result("adaptation_fitting.json")["fit_of_bare"]
    soft, table = result("soft_q_updates.json")["share_of_sac_speed"], result("tabletop_speed.json")["measured"]
    slowest = min(one["median"] for one in table.values())
    rows = [
        ("PPO training beside sbx", ppo["sbx"]["ratio"], 3.0, "×", "ppo_hopper"),
        ("PPO training beside Stable-Baselines3", ppo["stable_baselines3"]["ratio"], 4.0, "×", "ppo_hopper"),
        ("PPO training beside the bare physics", ppo["bare"]["ratio"], 0.65, "×", "ppo_hopper"),
        ("SAC updates beside sbx", sac["times_sbx_one_a_call"], 1.5, "×", "sac_updates"),
        ("SAC beside the machine's own matrix products", sac["share_of_matrix_products"], 0.7, "×", "sac_updates"),
        ("point maze in `collect`", maze / 1e6, 1.0, "M steps/s", "jax_collection"),
        ("reset with other dynamics beside compiling anew", hopper["reset"]["ratio"], 10.0, "×", "collection_hopper"),
        *(
            (f"PPO with {name} beside PPO without memory", memory[kind]["ratio"], 0.4, "×", "recurrent_ppo")
            for kind, name in (("gru", "a GRU"), ("lstm", "an LSTM"))
        ),
    ]
    rows += [
        ("soft Q-learning with 16 particles beside SAC", soft, 1 / 3, "×", "soft_q_updates"),
        ("simulator steps while adapting beside bare physics", fitting, 0.8, "×", "adaptation_fitting"),
        ("the table top, slowest task, on one core", slowest, 20.0, "× real time", "tabletop_speed"),
    ]
    lines = ["| | measured | goal | | file |", "|---|---|---|---|---|"]
    for name, value, goal, unit, file in rows:
        verdict = "met" if value >= goal else "not met"
        link = f"[{file}](results/{file}.json)"
        lines.append(f"| {name} | {value:.2f} {unit} | {goal:.3g} {unit} | {verdict} | {link} |")
    for name, cost in (
        ("cost of full randomization, of a policy that has learnt to stay up", hopper["collect"]["learnt"]),
        ("the same, of a fresh one that falls at once", hopper["collect"]["fresh"]),
    ):
        verdict, (low, high) = "met" if cost["own_share"] <= 0.05 else "not met", cost["own_share_quartiles"]
        lines.append(
            f"| {name} | {cost['own_share']:.1%}, half of the turns {low:.1%} to {high:.1%}; {cost['share']:.1%} with "
            f"other robots' physics | at most 5% | {verdict} | [collection_hopper](results/collection_hopper.json) |"
        )
    steps = hopper["randomization"]["share"]
    lines.append(
        f"| the same, of steps alone, with random actions and no policy | {steps:.1%} | at most 5% | "
        f"{'met' if steps <= 0.05 else 'not met'} | [collection_hopper](results/collection_hopper.json) |"
    )
    return "\n".join([*lines, "", elsewhere()])


def elsewhere():
    """Says what the ratios to peers were before, and on machines of another speed: they depend on it."""
    ppo = result("ppo_hopper.json")["found"]
    befores = []
    for which, where in (("slow", "a slower machine"), ("fast", "one about as fast")):
        then = result(f"ppo_hopper_before_{which}.json")["found"]
        befores.append(
            f"{then['sbx']['ratio']:.2f} × sbx, {then['stable_baselines3']['ratio']:.2f} × Stable-Baselines3 and "
            f"{then['bare']['ratio']:.2f} × the bare physics on {where} "
            f"([ppo_hopper_before_{which}](results/ppo_hopper_before_{which}.json))"
        )
    rates = result("ppo_hopper.json")["rates"]
    by_round = [ours / theirs for ours, theirs in zip(rates["ours"], rates["stable_baselines3"], strict=True)]
    return (
        f"By round, PPO is {min(by_round):.1f} to {max(by_round):.1f} × Stable-Baselines3: a shared machine takes "
        "more from what has two threads. "
        "The bare physics is what our worlds step. Beside `mujoco.rollout` as it comes, with Gymnasium's model and "
        f"MuJoCo's stopwatch, PPO is {ppo['bare, as it comes']['ratio']:.2f} ×. Before worlds did without that "
        f"stopwatch and without the search for near bodies it was {' and '.join(befores)}."
    )
