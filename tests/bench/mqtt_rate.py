"""QoS 1 messages a second over a long link: our session with its window against plain umqtt.simple, same broker, same run.

python -m tests.bench.mqtt_rate     one record a message, so that messages are compared with messages
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from firmware.sync import counters as count
from host_tools.set_up import paths
from tests.peers.mqtt_world import HOST, Broker, Device, HeadEnd
from tests.peers.slow_proxy import SlowProxy
from tests.peers.sync_device import RECORD_BYTES

SEALED_BYTES = 140  # a record of 60 bytes as it travels: journal message and COSE_Mac0


def measure(seconds: int = 8, round_trip_ms: int = 100) -> dict[str, float]:
    """-> messages a second of both, their ratio, and the window's limit (window / round trip)."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        broker = Broker(Path(folder))
        broker.start()
        proxy = SlowProxy(broker.port, round_trip_ms / 2_000)
        head_end = HeadEnd(broker.port)
        try:
            plain = _plain(proxy.port, seconds)
            ours, window = _ours(proxy.port, seconds)
        finally:
            head_end.close()
            proxy.close()
            broker.stop()
    limit = window * 1_000 / round_trip_ms
    return {"ours_per_s": ours, "umqtt_per_s": plain, "ratio": round(ours / plain, 2), "window_limit_per_s": limit}


def _plain(port: int, seconds: int) -> float:
    script = str(paths.checkout() / "tests" / "bench" / "umqtt_publisher.py")
    command = [str(paths.micropython()), script, str(port), str(seconds), str(SEALED_BYTES)]
    environment = {**os.environ, "MICROPYPATH": paths.micropython_path()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds + 30, check=True)
    messages, took_ms = done.stdout.split()
    return round(int(messages) * 1_000 / int(took_ms), 1)


def _ours(port: int, seconds: int) -> tuple[float, int]:
    limits = {"sync_batch_max_bytes": RECORD_BYTES, "sync_ahead_max": 100_000}
    device = Device("micropython", host=HOST, port=port, seconds=seconds + 1, limits=limits, records=100_000)
    end = device.end()
    acknowledged = end["counters"][str(count.PUBLISHED)] - end["in_flight"]
    began_ms = device.reports(count.CONNECTED)[0]["at_ms"]
    return round(acknowledged * 1_000 / (end["at_ms"] - began_ms), 1), end["window"] - 1  # the last place is the status's


if __name__ == "__main__":
    print(json.dumps(measure()))
