"""What was compiled before is taken only when nothing that it was made of has changed, and only when it is whole."""

import os

import pytest

from host_tools.flash import compiler, kept
from host_tools.flash.errors import FlashError
from host_tools.set_up import cache, paths

ARCH = "armv7m"


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """compiled(text, ...) -> (bytes of one.mpy, whether anything was compiled for it); the cache is a fresh one."""
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    done = []
    compile_all = compiler._compile_all
    monkeypatch.setattr(compiler, "_compile_all", lambda texts, arch: done.append(arch) or compile_all(texts, arch))

    def run(text, arch=ARCH, anew=False):
        (tmp_path / "one.py").write_text(text)
        before = len(done)
        made = compiler.compile_all({"one.py": tmp_path / "one.py"}, arch, anew=anew)
        return made["one.mpy"], len(done) > before

    return run


def test_the_same_is_taken_and_each_change_is_compiled(compiled, monkeypatch):
    first, ran = compiled("a = 1\n")
    assert ran and compiled("a = 1\n") == (first, False)
    other, ran = compiled("a = 2\n")
    assert ran and other != first
    assert compiled("a = 1\n", arch="")[1] and compiled("a = 1\n") == (first, False)
    monkeypatch.setattr(kept.metadata, "version", lambda _: "9.9")
    assert compiled("a = 1\n") == (first, True)


def test_a_change_of_the_tools_is_a_change(compiled, monkeypatch, tmp_path):
    compiled("a = 1\n")
    monkeypatch.setattr(kept, "_TOOLS", tmp_path)
    assert compiled("a = 1\n")[1]


def test_what_is_made_anew_takes_nothing(compiled):
    first, _ = compiled("a = 1\n")
    assert compiled("a = 1\n", anew=True) == (first, True)


@pytest.mark.parametrize("torn", [b"", b"\x00" * 40, None])
def test_a_torn_file_is_no_hit(compiled, torn):
    first, _ = compiled("a = 1\n")
    (file,) = paths.kept_builds().iterdir()
    file.write_bytes(file.read_bytes()[:-1] if torn is None else torn)
    assert compiled("a = 1\n") == (first, True) and compiled("a = 1\n") == (first, False)


def test_an_edit_in_the_middle_of_the_work_is_not_kept(compiled, monkeypatch, tmp_path):
    honest = compiler.compiled_texts

    def slow(sources, roots):
        texts = honest(sources, roots)
        (tmp_path / "one.py").write_text("a = 2\n")
        return texts

    monkeypatch.setattr(compiler, "compiled_texts", slow)
    first, _ = compiled("a = 1\n")
    monkeypatch.setattr(compiler, "compiled_texts", honest)
    assert compiled("a = 1\n") == (first, True)


def test_what_does_not_compile_is_not_kept(compiled):
    for _ in range(2):
        with pytest.raises(FlashError, match=r"one\.py does not compile"):
            compiled("a = (\n")


def test_a_cache_that_cannot_be_written_costs_time_only(compiled, tmp_path):
    (tmp_path / "cache").write_text("a file")
    first, _ = compiled("a = 1\n")
    assert compiled("a = 1\n") == (first, True)


def test_the_oldest_go(compiled, monkeypatch):
    monkeypatch.setattr(kept, "KEPT_MAX", 2)
    for age, text in enumerate(("a = 1\n", "a = 2\n")):
        compiled(text)
        for file in paths.kept_builds().iterdir():
            os.utime(file, (age, age)) if file.stat().st_mtime > 10 else None
    assert compiled("a = 1\n")[1] is False, "what is used is young again"
    compiled("a = 3\n")
    assert len(list(paths.kept_builds().iterdir())) == 2
    assert [compiled(f"a = {number}\n")[1] for number in (1, 3, 2)] == [False, False, True]
