"""Bad values get one sentence that names them and exit status 2; what is printed to nobody leaves nothing behind."""

import pytest

from host_tools.demo.__main__ import main
from host_tools.demo.options import BadOption, parse


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--meters", "0"], "meters: must be from 8 to 64 (the story has 8 parts to give), got 0"),
    (["--meters", "-1"], "meters: must be from 8 to 64 (the story has 8 parts to give), got -1"),
    (["--meters", "5"], "meters: must be from 8 to 64 (the story has 8 parts to give), got 5"),
    (["--meters", "65"], "meters: must be from 8 to 64 (the story has 8 parts to give), got 65"),
    (["--meters", "many"], "meters: must be a whole number from 8 to 64, got 'many'"),
    (["--seconds", "5"], "seconds: must be from 90 to 3600 (the meters' line is no faster), got 5"),
    (["--seconds", "1e2"], "seconds: must be a whole number from 90 to 3600, got '1e2'"),
    (["--seed", "-1"], "seed: must be from 0 to 4294967295, got -1"),
    (["--seed"], "argument --seed: expected one argument; --help lists the options"),
    (["--metres", "9"], "unrecognized arguments: --metres 9; --help lists the options"),
    (["--keep", ""], "keep: names no folder"),
])
def test_a_bad_value_gets_one_sentence(arguments, sentence, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", sentence + "\n")


def test_a_folder_to_keep_must_be_new_or_empty(tmp_path):
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    (full / "x").write_text("")
    file.write_text("")
    for path in (full, file):
        with pytest.raises(BadOption, match="must be a new or an empty folder"):
            parse(["--keep", str(path)])
    with pytest.raises(BadOption, match="cannot make the folder"):
        parse(["--keep", str(file / "below")])
    assert parse(["--keep", str(tmp_path / "new" / "folder")]).keep == tmp_path / "new" / "folder"
    assert (tmp_path / "new" / "folder").is_dir()


def test_a_folder_too_long_for_a_socket_is_named_and_not_made(tmp_path):
    long = tmp_path / ("x" * 100)
    with pytest.raises(BadOption, match="bytes too long for a socket"):
        parse(["--keep", str(long)])
    assert not long.exists()


def test_good_values_are_taken_and_more_meters_take_longer():
    plain, many, slow = parse([]), parse(["--meters", "40", "--seed", "7"]), parse(["--seconds", "180"])
    assert (plain.meters, plain.about_s, plain.stretch, plain.keep, plain.headless) == (12, 90, 1.0, None, False)
    assert (many.seed, round(many.about_s)) == (7, 300)
    assert (slow.about_s, slow.stretch) == (180, 2.0)
    assert len({parse([]).seed for _ in range(20)}) > 1
