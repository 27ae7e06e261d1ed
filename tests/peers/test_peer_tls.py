"""TLS against a real Mosquitto, on both interpreters: who is let in, who is refused and in which words, and no loop is held."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from firmware.base.wire.der import not_before_s
from firmware.sync import counters as count
from host_tools.head_end import cli as head_end
from host_tools.set_up import paths
from tests.peers import certificates
from tests.peers.mqtt_world import HOST, INTERPRETERS, TLS_CONFIG, Broker, Device, HeadEnd, free_port, until

pytestmark = pytest.mark.slow

LIMITS = {"reconnect_first_ms": 100, "reconnect_max_ms": 300, "uplink_connect_timeout_ms": 2_000}
SERVERS = ("broker", "other_name", "expired", "early", "open")  # one port each; "open" demands no client certificate
MUTUAL = {"ca": "ca.der", "name": certificates.NAME, "certificate": "client.der", "key": "client.key.der"}
GAP_MS_MAX = 1_000  # of a ticker of 20 ms, in a busy machine; a handshake that is waited for holds it for 2 s


class World:
    """The broker with a TLS port for each kind of server, and the folder of certificates."""

    def __init__(self, folder: Path) -> None:
        self.certificates = certificates.make(folder)
        self.ports = {server: free_port() for server in SERVERS}
        more = ["user root\n"]  # started as root it would become another user, who may not read here
        for server, port in self.ports.items():
            name, demands = ("broker", "false") if server == "open" else (server, "true")
            more.append(TLS_CONFIG.format(port=port, host=HOST, certificates=folder, server=name, demands=demands))
        self.broker = Broker(folder, "".join(more))

    def device(self, interpreter: str, server: str, **tls: Any) -> Device:
        return self.device_at(interpreter, self.ports[server], 60, **tls)

    def device_at(self, interpreter: str, port: int, seconds: int, **tls: Any) -> Device:
        options: dict[str, Any] = {"host": HOST, "port": port, "seconds": seconds, "limits": LIMITS}
        return Device(interpreter, tls={"root": str(self.certificates), **tls}, records=200, **options)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("tls")
    folder.chmod(0o755)
    world = World(folder)
    world.broker.start()
    yield world
    world.broker.stop()


@contextlib.contextmanager
def running(device: Device) -> Iterator[Device]:
    try:
        yield device
    finally:
        device.kill()


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_both_sides_show_certificates_and_records_flow(world, interpreter):
    books = HeadEnd(world.broker.port)
    try:
        with running(world.device(interpreter, "broker", **MUTUAL)) as device:
            until(lambda: books.held == 200, "the records are held")
            books.credit(1)
            until(lambda: device.having("credit"), "a credit comes")
            assert not device.having("trouble")
    finally:
        books.close()


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_broker_that_demands_no_certificate_is_checked_all_the_same(world, interpreter):
    with running(world.device(interpreter, "open", ca="ca.der", name=certificates.NAME)) as device:
        until(lambda: device.reports(count.CONNECTED), "connected")
    with running(world.device(interpreter, "open", ca="stranger.der", name=certificates.NAME)) as device:
        until(lambda: device.having("trouble"), "refused")
        assert not device.reports(count.CONNECTED)


def test_first_dates_are_those_that_openssl_reads(world):
    for name in ("ca", "broker", "expired", "early"):
        command = [paths.openssl(), "x509", "-in", world.certificates / f"{name}.pem", "-noout", "-startdate"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        want = datetime.strptime(shown.strip(), "notBefore=%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
        assert not_before_s((world.certificates / f"{name}.der").read_bytes()) == int(want.timestamp())


REFUSED = [
    ("broker", MUTUAL | {"ca": "stranger.der"}, ("not correctly signed by the trusted ca", "self-signed certificate in certificate chain")),
    ("broker", MUTUAL | {"name": "elsewhere.test"}, ("does not match", "hostname mismatch")),
    ("other_name", MUTUAL, ("does not match", "hostname mismatch")),
    ("expired", MUTUAL, ("has expired", "has expired")),
    ("early", MUTUAL, ("starts in the future", "not yet valid")),
    ("broker", {"ca": "ca.der", "name": certificates.NAME}, ("client certificate", "certificate required")),
    ("broker", MUTUAL | {"certificate": "strange_client.der", "key": "strange_client.key.der"}, ("unknown ca", "unknown ca")),
]


@pytest.mark.parametrize(("server", "tls", "words"), REFUSED)
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_who_is_refused_is_told_in_one_sentence(world, interpreter, server, tls, words):
    with running(world.device(interpreter, server, **tls)) as device:
        wanted = words[INTERPRETERS.index(interpreter)]

        def sentences() -> list[str]:
            return [line["trouble"] for line in device.having("trouble") if line["trouble"]]

        # a server that refuses after our handshake may be gone before its reason is read; then the next attempt reads it
        until(lambda: any(wanted in sentence for sentence in sentences()), f"it says {wanted}")
        assert not any("\n" in sentence for sentence in sentences())
        assert not device.reports(count.CONNECTED)


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_silent_server_holds_nothing_up_and_is_given_up_in_time(world, interpreter):
    with socket.create_server((HOST, 0), backlog=50) as silent:
        end = world.device_at(interpreter, silent.getsockname()[1], 5, **MUTUAL).end()
    assert end["gap_ms"] < GAP_MS_MAX and end["turns"] > 100
    assert end["counters"][str(count.CONNECT_FAILED)] >= 1


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_refusals_are_counted_and_no_handshake_holds_the_loop_for_longer_than_a_message(world, interpreter, capsys):
    end = world.device_at(interpreter, world.ports["broker"], 3, **MUTUAL | {"name": "elsewhere.test"}).end()
    refused = end["counters"][str(count.TLS_REFUSED)]
    with capsys.disabled():
        print(f"\n  {interpreter}: {refused} handshakes, longest gap {end['gap_ms']} ms")
    assert refused >= 3 and str(count.CONNECT_FAILED) not in end["counters"]
    assert end["gap_ms"] < GAP_MS_MAX


@contextlib.contextmanager
def serving(world: World, folder: Path, server: str, *options: str) -> Iterator[Callable[[], str]]:
    """The head-end's server -> what it said so far."""
    command = [sys.executable, "-m", "host_tools.head_end", "--db", str(folder / "head_end.db"), "serve"]
    command += ["--broker", f"{HOST}:{world.ports[server]}", *options]
    said = folder / "said"
    with said.open("wb") as out, subprocess.Popen(command, cwd=paths.checkout(), stdin=subprocess.DEVNULL, stderr=out) as process:
        try:
            yield said.read_text
        finally:
            process.terminate()


def own(world: World, name: str = "client") -> tuple[str, ...]:
    folder = world.certificates
    return "--certificate", str(folder / f"{name}.pem"), "--key", str(folder / f"{name}.key.pem")


def test_the_head_end_reaches_the_broker_by_tls(world, tmp_path):
    with serving(world, tmp_path, "broker", "--ca", str(world.certificates / "ca.pem"), *own(world)) as said:
        until(lambda: "connected to" in said(), "the head-end is connected")


@pytest.mark.parametrize(
    ("server", "ca", "name"), [("broker", "stranger", "client"), ("expired", "ca", "client"), ("broker", "ca", "strange_client")]
)
def test_the_head_end_is_not_connected_to_whom_it_does_not_trust_or_who_does_not_trust_it(world, tmp_path, server, ca, name):
    with serving(world, tmp_path, server, "--ca", str(world.certificates / f"{ca}.pem"), *own(world, name)) as said:
        until(lambda: "no broker at" in said(), "it is told")
        assert "connected to" not in said()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--certificate", "client.pem"), "certificate: needs --ca"),
        (("--key", "client.key.pem"), "key: needs --ca"),
        (("--ca", "none.pem"), "ca: none.pem cannot be read: No such file or directory"),
        (("--ca", "ca.der"), "ca: ca.der is no certificate in PEM"),
        (("--ca", "ca.pem", "--certificate", "client.pem"), "key: is missing"),
        (("--ca", "ca.pem", "--key", "client.key.pem"), "certificate: is missing"),
        (("--ca", "ca.pem", "--certificate", "none.pem", "--key", "client.key.pem"), "certificate: none.pem cannot be read"),
        (("--ca", "ca.pem", "--certificate", "client.pem", "--key", "broker.key.pem"), "certificate: client.pem and broker.key.pem are no"),
        (("--ca", "ca.pem", "--certificate", "client.pem", "--key", "client.key.der"), "certificate: client.pem and client.key.der are no"),
    ],
)
def test_a_file_that_the_head_end_cannot_use_is_one_sentence(world, tmp_path, options, sentence, monkeypatch, capsys):
    monkeypatch.chdir(world.certificates)
    assert head_end.main(["--db", str(tmp_path / "head_end.db"), "serve", "--broker", "localhost:1", *options]) == 2
    said = capsys.readouterr().err
    assert said.startswith(sentence) and said.count("\n") == 1, said
