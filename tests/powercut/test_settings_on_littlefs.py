"""Settings live on a real littlefs: a document is replaced wholly or not at all, wherever the power goes."""

import json
import subprocess
from pathlib import Path

from littlefs import LittleFS

from host_tools.set_up import paths
from tests import compiled


def test_a_tariff_is_old_or_new_after_a_cut_at_every_block_operation(tmp_path: Path) -> None:
    image = tmp_path / "image.bin"
    command = [str(paths.micropython()), "-X", "heapsize=2M", "-m", "tests.powercut.settings_littlefs", str(image)]
    done = subprocess.run(command, env=compiled.environment(), cwd=compiled.folder(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    print(f"settings on littlefs: {result['points']} cut points, old {result['old']}, new {result['new']}")
    assert result["breaches"] == []
    assert result["points"] > 10 and result["old"] > 0 and result["new"] > 0

    peer = LittleFS(block_size=512, block_count=64, mount=False)
    peer.context.buffer[:] = image.read_bytes()
    peer.mount()
    assert sorted(peer.listdir("/")) == ["key", "settings.json", "tariff_1_7.json"]
    with peer.open("/tariff_1_7.json", "rb") as file:
        assert file.read().startswith(b'{"tariff": 1, "text": "new ')
