"""The options of `run --executor ray`, where there is no Ray and where they do not fit."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from synthgen.cli import app
from synthgen.core.errors import ConfigError

PIPELINE = """
version: 1
name: one
stages:
- load: {sources: [rows.jsonl]}
"""


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text(PIPELINE)
    Path("rows.jsonl").write_text('{"instruction": "a", "output": "b"}\n')


def run(*options):
    return CliRunner().invoke(app, ["run", "one.yaml", *options])


def test_without_ray_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    error = run("--executor", "ray", "--cpus", "1").exception
    assert isinstance(error, ConfigError)
    assert str(error).endswith("pip install 'synthgen-pipeline[ray]'")
    assert not Path("data/ledger").exists()


def test_what_this_machine_is_too_small_for_is_said_before_ray_is_started():
    error = run("--executor", "ray", "--cpus", "100000", "--ray-address", "local").exception
    assert isinstance(error, ConfigError) and "needs 100000 CPUs on one node" in str(error)


@pytest.mark.parametrize("option", ["ray-address", "shards", "sharded", "cpus", "gpus"])
def test_options_for_ray_need_it(option):
    result = run(f"--{option}", "1")
    assert result.exit_code == 2 and "goes with --executor ray" in result.output


@pytest.mark.parametrize(
    "options", ["--only load", "--force load", "--limit 1", "--shard 1/2", "--workers 2"]
)
def test_options_that_do_not_go_with_it(options):
    result = run("--executor", "ray", *options.split())
    assert result.exit_code == 2 and "does not go with --executor ray" in result.output


def test_a_word_that_is_no_executor():
    assert "local or ray" in run("--executor", "dask").output


def test_an_address_of_ray_client_is_refused():
    error = run("--executor", "ray", "--ray-address", "ray://head:10001").exception
    assert isinstance(error, ConfigError) and "HOST:6379" in str(error)
