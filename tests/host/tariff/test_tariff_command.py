"""`python -m host_tools.tariff`: every fault of a file, and bills that were worked out by hand."""

import json
from pathlib import Path

import pytest

from host_tools.tariff import bill as bills
from host_tools.tariff.__main__ import main

EXAMPLES = Path(__file__).resolve().parents[3] / "host_tools" / "tariff" / "examples"
HUNAN = EXAMPLES / "hunan_residential.json"
DELHI = EXAMPLES / "delhi_domestic_slabs.json"
VIETNAM = EXAMPLES / "vietnam_peak_normal_off_peak.json"
UGANDA = EXAMPLES / "uganda_mini_grid_flat.json"


def usage(folder: Path, text: str) -> str:
    path = folder / "usage.csv"
    path.write_text(text)
    return str(path)


def price(capsys, *arguments: str) -> dict:
    assert main(["price", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refusal(capsys, *arguments: str) -> str:
    assert main(list(arguments)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.strip()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_is_good_and_has_its_source(path, capsys):
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{path.name}: tariff ")
    assert f"| `{path.name}` |" in (EXAMPLES / "README.md").read_text()


def test_every_fault_is_one_sentence_with_its_field(tmp_path, capsys):
    document = json.loads(HUNAN.read_text())
    document["seasons"][1]["from"] = "02-30"
    document["steps"]["thresholds"][1]["kwh"] = ["450", "180"]
    document["fee_per_day"] = "-1"
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(document))
    said = refusal(capsys, "check", str(bad)).splitlines()
    assert said[0] == "seasons[1].from: must be a date that there is in every year, got '02-30'"
    assert [line.split(":")[0] for line in said[2:]] == ["steps.thresholds[1].kwh[1]", "fee_per_day"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "file: "),
        ("[]", "tariff: must be an object in braces"),
        ('{"tariff": 1, "tariff": 2}', "stands twice"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_tariff_file_is_refused_in_one_sentence(text, said, tmp_path, capsys):
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text)
    sentence = refusal(capsys, "check", str(path))
    assert said in sentence and "\n" not in sentence


def test_a_summer_month_in_hunan_crosses_both_thresholds(tmp_path, capsys):
    """500 kWh on one day: 180 at 0.588, 270 at 0.638, 50 at 0.888."""
    rows = usage(tmp_path, "time,kwh\n2026-07-05 00:00,0\n2026-07-06 00:00,500\n")
    got = price(capsys, str(HUNAN), "--usage", rows)
    assert [(row["step"], row["energy_cwh"], row["amount_ucu"]) for row in got["items"]] == [
        (1, 18_000, 105_840_000), (2, 27_000, 172_260_000), (3, 5_000, 44_400_000),
    ]  # fmt: skip
    assert got["amount_ucu"] == 322_500_000


def test_the_same_energy_in_spring_has_another_threshold_and_used_energy_counts(tmp_path, capsys):
    rows = usage(tmp_path, "time,kwh\n2026-04-05 00:00,0\n2026-04-06 00:00,500\n")
    got = price(capsys, str(HUNAN), "--usage", rows)
    assert got["amount_ucu"] == 180 * 588_000 + 170 * 638_000 + 150 * 888_000
    got = price(capsys, str(HUNAN), "--usage", rows, "--used", "340.00")
    assert got["amount_ucu"] == 10 * 638_000 + 490 * 888_000


def test_a_month_in_delhi_has_its_fixed_charge_whole(tmp_path, capsys):
    """450 kWh: 200 at 3.00, 200 at 4.50, 50 at 6.50, and 40 rupees over 31 days."""
    days = "".join(f"2026-07-{day:02d} 00:00,{1000 + 15 * (day - 1)}\n" for day in range(1, 32))
    got = price(capsys, str(DELHI), "--usage", usage(tmp_path, "time,register\n" + days + "2026-08-01 00:00,1450\n"))
    fees = [row["amount_ucu"] for row in got["items"] if row["what"] == "fee"]
    assert (len(fees), sum(fees)) == (31, 40_000_000)
    assert got["amount_ucu"] == 600_000_000 + 900_000_000 + 325_000_000 + 40_000_000


def test_a_day_in_vietnam_read_at_its_edges_is_exact_and_a_sunday_has_no_peak(tmp_path, capsys):
    edges = ("00:00,0", "04:00,1", "09:30,2", "11:30,4", "17:00,8", "20:00,16", "22:00,32")
    day = "".join(f"2026-07-03 {edge}\n" for edge in edges) + "2026-07-04 00:00,64\n"
    got = price(capsys, str(VIETNAM), "--usage", usage(tmp_path, "time,kwh\n" + day))
    assert {row["band"]: row["energy_cwh"] for row in got["items"]} == {"off_peak": 6_500, "normal": 4_200, "peak": 2_000}
    assert got["amount_ucu"] == (65 * 953 + 42 * 1503 + 20 * 2759) * 1_000_000
    assert not any(row["estimated"] for row in got["items"])
    got = price(capsys, str(VIETNAM), "--usage", usage(tmp_path, "time,kwh\n" + day.replace("07-03", "07-05").replace("07-04", "07-06")))
    assert {row["band"] for row in got["items"]} == {"off_peak", "normal"}


def test_a_missed_edge_is_marked_in_the_table(tmp_path, capsys):
    rows = usage(tmp_path, "time,kwh\n2026-07-03 00:00,0\n2026-07-03 12:00,12\n")
    assert main(["price", str(VIETNAM), "--usage", rows]) == 0
    table = capsys.readouterr().out
    assert "off_peak" in table and table.count("estimated") == 3 and "total" in table
    assert main(["price", str(UGANDA), "--usage", rows]) == 0
    assert "7383.60" in capsys.readouterr().out


def test_a_minimum_is_charged_at_the_end_of_a_whole_month_only(tmp_path, capsys):
    document = {**json.loads(UGANDA.read_text()), "minimum_per_month": "5000"}
    path = tmp_path / "minimum.json"
    path.write_text(json.dumps(document))
    whole = usage(tmp_path, "time,kwh\n2026-07-01 00:00,0\n2026-08-01 00:00,1\n")
    got = price(capsys, str(path), "--usage", whole)
    assert [row["amount_ucu"] for row in got["items"] if row["what"] == "minimum"] == [5_000_000_000 - 615_300_000]
    part = usage(tmp_path, "time,kwh\n2026-07-02 00:00,0\n2026-08-01 00:00,1\n")
    assert {row["what"] for row in price(capsys, str(path), "--usage", part)["items"]} == {"energy"}


def test_a_ratio_multiplies_energy(tmp_path, capsys):
    rows = usage(tmp_path, "time,register\n2026-07-03 00:00,10\n2026-07-03 12:00,11\n")
    got = price(capsys, str(UGANDA), "--usage", rows, "--ratio", "40")
    assert (got["energy_cwh"], got["amount_ucu"]) == (4_000, 40 * 615_300_000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: must name the columns"),
        ("time,power\n", "line 1: must name the columns"),
        ("time,rate1,rate3\n", "line 1: must name the columns"),
        ("time,kwh,kwh\n", "line 1: must name the columns"),
        ("time,kwh\n", "needs two readings at least, got 0"),
        ("time,kwh\n2026-07-01 00:00,0\n", "needs two readings at least, got 1"),
        ("time,kwh\n2026-07-01 00:00,1\n2026-07-02 00:00,1\n", "line 2: kwh of the first line must be 0"),
        ("time,kwh\n2026-07-01 00:00,0\n2026-07-02 00:00\n", "line 3: has 1 values, the first line names 2"),
        ("time,kwh\n2026-07-01 00:00,0\n\n2026-07-32 00:00,1\n", "line 4: time must be such as"),
        ("time,kwh\n2026-07-01 00:00,0\n2026-07-01 00:00,1\n", "line 3: time 2026-07-01 00:00 is not later"),
        ("time,kwh\n2026-07-01 00:00,0\n2026-07-02 00:00,-1\n", "line 3: kwh: must not be negative"),
        ("time,kwh\n2026-07-01 00:00,0\n2026-07-02 00:00,1.005\n", "line 3: kwh: has 3 decimals"),
        ("time,kwh\n2026-07-01 00:00,0\n2026-07-02 00:00,1e3\n", "line 3: kwh: must be a plain decimal number"),
        ("time,kwh\n2026-07-01 00:00,0\n2026-07-02 00:00,1000000\n", "line 3: comes to a register of a million kWh"),
        ("time,register\n2026-07-01 00:00,5\n2026-07-02 00:00,4\n", "line 3: register goes back from 5.00 to 4.00"),
        ('time,register\n2026-07-01 00:00,"5\n', "cannot be read"),
        ("time,register\n2011-07-01 00:00,5\n2011-07-02 00:00,6\n", "line 2: the tariff is valid from 2012-07-01 on"),
        ("time,rate1\n2026-07-01 00:00,5\n2026-07-02 00:00,6\n", "line 1: the tariff has prices for the total register"),
    ],
)
def test_a_broken_usage_is_named_with_its_line(text, said, tmp_path, capsys):
    sentence = refusal(capsys, "price", str(HUNAN), "--usage", usage(tmp_path, text))
    assert sentence.startswith("usage: ") and said in sentence and "\n" not in sentence


@pytest.mark.parametrize("more", [("--ratio", "0"), ("--ratio", "x"), ("--ratio", "70000"), ("--used", "-1"), ("--used", "1.001")])
def test_a_wrong_option_is_named(more, tmp_path, capsys):
    rows = usage(tmp_path, "time,kwh\n2026-07-03 00:00,0\n2026-07-03 12:00,1\n")
    assert refusal(capsys, "price", str(UGANDA), "--usage", rows, *more).startswith(more[0].strip("-") + ": ")


def test_two_minds_are_our_bug_and_said_so(tmp_path, capsys, monkeypatch):
    honest = bills.charge_spans

    def greedy(*arguments, **named):
        lines, position = honest(*arguments, **named)
        return [line[:4] + (line[4] + 1,) + line[5:] for line in lines], position

    monkeypatch.setattr(bills, "charge_spans", greedy)
    rows = usage(tmp_path, "time,kwh\n2026-07-03 00:00,0\n2026-07-03 12:00,1\n")
    assert main(["price", str(UGANDA), "--usage", rows]) == 1
    assert capsys.readouterr().err.startswith("bug: energy of 2026-07-03: the gateway charges")


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["price", "--help"]])
def test_help_has_an_example(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0 and "example" in capsys.readouterr().out
