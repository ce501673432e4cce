"""What is written is what the report reads."""

import numpy as np

from headstart.report.folder import read_run
from headstart.run.dynamics import write_dynamics
from headstart.spaces import Parameter, ParameterSpace

SPACE = ParameterSpace(
    (
        Parameter(name="mass:torso", unit="× nominal", nominal=1.0, low=0.1, high=10.0),
        Parameter(name="delay:action", unit="control steps", nominal=0.0, low=0.0, high=3.0, integer=True),
    )
)


def test_the_report_reads_what_the_run_wrote(tmp_path):
    write_dynamics(
        tmp_path / "dynamics.json", SPACE, {"mass:torso": np.array([0.5, 2.0], np.float32)}, {"mass:torso": 1.5}
    )
    (spread,) = read_run(tmp_path).dynamics
    assert (spread.name, spread.unit, spread.nominal, spread.target) == ("mass:torso", "× nominal", 1.0, 1.5)
    assert spread.source.tolist() == [0.5, 2.0]


def test_an_unknown_target_stays_unknown_and_what_is_not_finite_stays_out(tmp_path):
    write_dynamics(tmp_path / "dynamics.json", SPACE, {"mass:torso": np.array([np.nan, 2.0])})
    run = read_run(tmp_path)
    assert run.dynamics[0].source.tolist() == [2.0] and "not known" in run.notes["target"]
