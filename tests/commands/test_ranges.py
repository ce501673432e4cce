"""`--randomize` with ranges of one's own, and what `headstart list FAMILY` says can be varied."""

from headstart.__main__ import main
from headstart.adapt.randomize import preset_ranges
from headstart.run.record import read_config
from headstart.tasks.catalogue import family

SPACE = family("hopper").dynamics


def test_a_run_keeps_its_ranges_and_is_evaluated_by_others(tmp_path, capsys):
    file, run = tmp_path / "ranges.json", tmp_path / "run"
    file.write_text('{"mass:rod": [0.5, 2]}')
    words = ["train", "pendulum", "--steps", "512", "--envs", "4", "--randomize", str(file), "--out", str(run)]
    assert main(words) == 0
    file.unlink()
    assert read_config(run)["settings"]["randomize"] == '{"mass:rod":[0.5,2]}'
    assert main(["resume", str(run)]) == 0, "the file is needed no more"
    capsys.readouterr()
    returns = []
    for ranges in ('{"mass:rod": 1}', '{"mass:rod": 2}', "none"):
        assert main(["evaluate", str(run), "--episodes", "2", "--randomize", ranges]) == 0
        returns.append(capsys.readouterr().out.split("return ")[1].split(", inter")[0])
    assert returns[0] == returns[2] != returns[1]
    assert main(["evaluate", str(run), "--randomize", '{"mass:rod": [2, 1]}']) == 2
    assert "is inverted; write the smaller first" in capsys.readouterr().err


def test_a_study_refuses_ranges_before_anything_is_written(tmp_path, capsys):
    words = ["transfer", "--source", "hopper", "--size", "tiny", "--out", str(tmp_path / "run")]
    assert main([*words, "--randomize", '{"mass:tors": [1, 2]}']) == 2
    error = capsys.readouterr().err
    assert "did you mean 'mass:torso'" in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_what_varies_in_a_family_is_listed(capsys):
    assert main(["list", "hopper"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines if line.strip()}
    assert set(SPACE) <= set(rows)
    assert rows["payload:torso"].split()[1:] == ["0", "0", "to", "10", "kg"]
    low, high = preset_ranges(SPACE, "moderate")["mass:torso"]
    assert f"{low:g} to {high:g}" in rows["mass:*"] and not any("…" in line for line in lines)
    assert main(["list", "hoper"]) == 2 and "did you mean 'hopper'" in capsys.readouterr().err
