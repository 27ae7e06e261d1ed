"""`make demo BOARD=qemu_mps2`: the whole story with the firmware on the emulated board, its modem, PPP and TLS."""

import json
import subprocess
import sys
from pathlib import Path

from host_tools.demo import programme
from host_tools.set_up import paths

SECONDS_MAX = 400


def test_every_check_of_the_story_holds_on_the_emulated_board(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "host_tools.demo", "--headless", "--board", "qemu_mps2", "--seed", "11", "--keep", str(tmp_path / "d")]
    told = subprocess.run(command, cwd=paths.checkout(), capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    last = json.loads(told.stdout.splitlines()[-1])
    failed = [f"{name}: {check['number']}" for name, check in last["summary"]["checks"].items() if not check["ok"]]
    assert (told.returncode, failed) == (0, []), told.stderr[-2000:]
    assert last["ok"] is True and last["summary"]["held"] == last["summary"]["of"] == len(programme.ALL_CHECKS), last
