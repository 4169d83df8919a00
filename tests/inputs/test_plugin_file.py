"""Reading the plugin file: every mistake is told in a line of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.plugin_file import Plugin, read_plugin


@pytest.fixture
def slurm_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of Slurm, which do nothing."""
    for name in ("sbatch", "squeue", "scancel"):
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text("#!/bin/sh\n")
        command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def read(folder: Path, text: str) -> Plugin:
    file = folder / "plugin.yml"
    file.write_text(text)
    return read_plugin(str(file))


def test_without_a_file_this_machine_does_the_work() -> None:
    assert read_plugin(None) == Plugin("MultiProc", {})


@pytest.mark.usefixtures("slurm_here")
def test_yaml_and_json_are_read(tmp_path: Path) -> None:
    arguments = {"sbatch_args": "--partition=long --time=2:00:00", "max_jobs": 20}
    text = "plugin: SLURM\nplugin_args:\n  sbatch_args: --partition=long --time=2:00:00\n"
    assert read(tmp_path, text + "  max_jobs: 20\n") == Plugin("SLURM", arguments)
    content = {"plugin": "SLURM", "plugin_args": arguments}
    assert read(tmp_path, json.dumps(content)) == Plugin("SLURM", arguments)
    assert read(tmp_path, "plugin: MultiProc\nplugin_args:\n") == Plugin("MultiProc", {})


@pytest.mark.usefixtures("slurm_here")
def test_a_template_is_a_file_beside_it_or_a_text(tmp_path: Path) -> None:
    (tmp_path / "job.sh").write_text("#!/bin/sh\nmodule load python\n")
    plugin = read(tmp_path, "plugin: SLURM\nplugin_args: {template: job.sh}")
    assert plugin.arguments["template"] == "#!/bin/sh\nmodule load python\n"
    text = "plugin: SLURM\nplugin_args:\n  template: |\n    #!/bin/sh\n    hostname\n"
    assert read(tmp_path, text).arguments["template"] == "#!/bin/sh\nhostname\n"


@pytest.mark.usefixtures("slurm_here")
@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("plugin: [", ["cannot be read"]),
        ("plugin: !!python/object/apply:os.system [true]", ["cannot be read"]),
        ("[1, 2]", ["add the line plugin: MultiProc or plugin: SLURM"]),
        ("plugin_args: {}", ["add the line plugin"]),
        ("plugin: PBS", ["plugin: PBS: use MultiProc or SLURM; on other clusters"]),
        ("plugin: [SLURM]", ["plugin: ['SLURM']: use MultiProc or SLURM"]),
        ("plugin: SLURM\nplugin_args: fast", ["plugin_args: lines of the form name: value"]),
        ("plugin: MultiProc\nargs: 1", ["args: not known; only plugin and plugin_args"]),
        (
            "plugin: SLURM\nplugin_args: {sbatch_arg: x, max_jobs: 0, poll_interval: no}",
            [
                "plugin_args: sbatch_arg: not known for SLURM, which takes sbatch_args, template",
                "plugin_args: max_jobs: 0: not above 0",
                "plugin_args: poll_interval: False: a number was expected",
            ],
        ),
        (
            "plugin: MultiProc\nplugin_args: {n_procs: 1.5, memory_gb: 8}",
            ["plugin_args: n_procs: 1.5: a whole number was expected"],
        ),
        (
            "plugin: SLURM\nplugin_args: {sbatch_args: [a], template: gone.sh}",
            [
                "plugin_args: sbatch_args: a text was expected",
                "plugin_args: template: neither a file nor a text that begins with #!: gone.sh",
            ],
        ),
        ("plugin: SLURM\nplugin_args: {sbatch_args: '--comment=\"x'}", ["sbatch_args: No closing"]),
    ],
)
def test_a_mistake_is_told_in_a_line(tmp_path: Path, text: str, problems: list[str]) -> None:
    with pytest.raises(RequestError) as error:
        read(tmp_path, text)
    assert len(error.value.problems) == len(problems)
    for said, expected in zip(error.value.problems, problems, strict=True):
        assert said.startswith("--nipype-plugin-file plugin.yml: ")
        assert expected in said


def test_a_missing_file_and_a_missing_slurm_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RequestError, match=r"gone\.yml: cannot be read"):
        read_plugin(str(tmp_path / "gone.yml"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequestError, match=r"no sbatch, squeue, scancel here; .*slurm_array\.sh"):
        read(tmp_path, "plugin: SLURM")
