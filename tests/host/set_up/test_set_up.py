"""The set-up's own promises: nothing half made looks finished, nothing of a person's is replaced, one sentence when stuck."""

import os
import subprocess
import sys

import pytest

from host_tools.set_up import cache, micropython, paths, umqtt


def start(*arguments, **environment):
    """The set-up as a person starts it."""
    return subprocess.run(
        [sys.executable, "-m", "host_tools.set_up", *arguments],
        cwd=paths.checkout(),
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_second_start_only_looks():
    done = start()
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("Already set up.") and done.stdout.count("\n") == 1


def test_an_argument_is_refused_in_one_sentence():
    done = start("--fast")
    assert done.returncode == 2 and done.stderr == "set-up: it takes no arguments, but got '--fast'\n" and not done.stdout


def test_a_cache_that_cannot_be_written_is_named_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = start(XDG_CACHE_HOME=str(tmp_path / "file"))
    assert done.returncode == 2 and "XDG_CACHE_HOME" in done.stderr and done.stderr.count("\n") == 1


def test_a_thing_whose_making_fails_leaves_nothing_and_one_that_ends_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CACHE", tmp_path)
    with pytest.raises(RuntimeError), cache.built(tmp_path / "thing") as scratch:
        (scratch / "half").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with cache.built(tmp_path / "thing") as scratch:
        (scratch / "whole").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["thing", "thing/whole"]


def test_what_a_killed_set_up_left_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CACHE", tmp_path)
    (tmp_path / "unfinished-1" / "deep").mkdir(parents=True)
    with cache.only_one():
        assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_link_is_moved_but_a_folder_is_never_replaced(tmp_path):
    cache.link(tmp_path / "a", tmp_path / "x")
    cache.link(tmp_path / "a", tmp_path / "y")
    assert os.readlink(tmp_path / "a") == str(tmp_path / "y")
    (tmp_path / "b").mkdir()
    with pytest.raises(cache.SetUpError, match="is in the way"):
        cache.link(tmp_path / "b", tmp_path / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_failing_command_is_one_sentence_with_advice_and_log(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CACHE", tmp_path)
    with pytest.raises(cache.SetUpError) as stuck:
        cache.run("try", ["sh", "-c", "echo first; echo no space left; exit 3"], "look at the disk")
    assert str(stuck.value) == f"look at the disk (no space left; all of it in {tmp_path}/logs/try.log)"
    with pytest.raises(cache.SetUpError, match="no-such-tool is not installed"):
        cache.run("try", ["no-such-tool"], "install it")


def test_an_archive_with_another_hash_is_refused(tmp_path, monkeypatch):
    for name in ("cache.CACHE", "umqtt.CACHE"):
        monkeypatch.setattr(f"host_tools.set_up.{name}", tmp_path)
    pip = tmp_path / "pip"  # stands in for the interpreter that runs pip: leaves an archive, as a mirror might
    pip.write_text('#!/bin/sh\necho other > "$3/umqtt.tar.gz"\n')
    pip.chmod(0o755)
    with pytest.raises(cache.SetUpError, match="could not be fetched"):
        umqtt.make(tmp_path / "umqtt", pip)
    assert not (tmp_path / "umqtt").exists()


def test_the_micropython_in_use_passes_the_proof_and_another_program_does_not():
    assert micropython.works(paths.micropython())
    assert not micropython.works(sys.executable)


def test_umqtt_is_there_without_its_dangling_link():
    # CPython leaves a folder of its own where a test has imported it
    files = sorted(path.name for path in (paths.micropython_library() / "umqtt").iterdir() if path.name != "__pycache__")
    assert files == ["robust.py", "simple.py"] and all((paths.micropython_library() / "umqtt" / name).is_file() for name in files)
