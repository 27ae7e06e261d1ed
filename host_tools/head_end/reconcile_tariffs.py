"""The price a charge must have, by the tariff documents kept here (design, section 6)."""

from datetime import date, datetime, timedelta, timezone
from functools import partial

from host_tools.head_end.database import Database
from host_tools.head_end.documents import digest
from host_tools.head_end.pricing import Rules
from host_tools.head_end.reconcile_charges import Standing
from host_tools.head_end.tariff_document import Tariff
from host_tools.journal_reader import Record, kinds, parse_record
from host_tools.journal_reader.words import price

Key = tuple[int, int]  # tariff, version


class Tariffs:
    """All versions kept here, and since which record each gateway has them."""

    def __init__(self, db: Database) -> None:
        self.held: dict[Key, Tariff] = {}
        self.rules: dict[Key, Rules] = {}
        self.known_since: dict[tuple[int, Key], int] = {}  # (gateway, version) -> sequence of its DOCUMENT record
        self.differences: list[str] = []
        for row in db.rows("SELECT * FROM documents ORDER BY what, id, version"):
            name = f"{'tariff' if row['what'] == 1 else 'policy'} {row['id']} version {row['version']}"
            text = row["text"].encode() if isinstance(row["text"], str) else bytes(row["text"])
            if digest(text) != bytes(row["digest"]):
                self.differences.append(f"{name}: the text kept here is not the one of its digest")
            if row["what"] != 1:
                continue
            try:
                tariff = Tariff.model_validate_json(text)
                self.held[(tariff.tariff, tariff.version)] = tariff
                self.rules[(tariff.tariff, tariff.version)] = Rules(tariff)
            except ValueError:
                self.differences.append(f"{name} cannot be read")
        for rules in self.rules.values():
            rules.plain_on = partial(self._plain_on, rules.tariff.tariff)
            rules.offsets_min = {held.utc_offset_min for held in self.held.values() if held.tariff == rules.tariff.tariff}
        for row in db.rows("SELECT gateway_id, raw FROM records WHERE kind = ? ORDER BY sequence", kinds.DOCUMENT):
            try:
                record = parse_record(bytes(row["raw"]))
            except ValueError:
                continue  # named with its gateway
            if record.number("what") == 1:
                key = (record.number("id"), record.number("version"))
                self.known_since.setdefault((int(row["gateway_id"]), key), record.sequence)

    def _plain_on(self, tariff: int, day: date) -> bool:
        """Is the version of all that are held here that rules on this day a plain price?"""
        ruling = [(held.effective, key) for key, held in self.held.items() if key[0] == tariff and held.effective <= day.isoformat()]
        return bool(ruling) and self.rules[max(ruling)[1]].is_plain

    def is_midnight(self, record: Record) -> bool:
        """True for a charge that ends at a local midnight: it is of the meter's freeze and of no reading."""
        tariff = self.held.get((record.number("tariff"), record.number("version")))
        return tariff is not None and (record.number("reading_at_s") + 60 * tariff.utc_offset_min) % 86_400 == 0

    def price_of(self, record: Record, gateway_id: int, began_s: int, standing: Standing, passed: tuple[int, int]) -> tuple[int, list[str]]:
        """`passed`: digits of the register, and the ratio to energy -> (our own price for this charge, differences); the gateway's price,
        after naming it, when there is none here."""
        rate, told = record.number("rate"), record.number("price")
        key = (record.number("tariff"), record.number("version"))
        tariff = self.held.get(key)
        if tariff is None or not self.rules[key].has_price(rate):
            return told, [f"tariff {key[0]} version {key[1]} has no price for register {rate} here"]
        found = self._validity(record, gateway_id, key, tariff, began_s)
        if "day" in record.fields:
            ours, said = standing.energy(record, self.rules[key], began_s, passed)
            return ours, found + said
        if not self.rules[key].is_plain:
            return told, found + [f"the charge tells no day, band and step, tariff {key[0]} version {key[1]} needs them"]
        standing.plain(self.rules[key], began_s or record.number("reading_at_s"))
        ours = self.rules[key].price(rate, "", 0)
        if ours != told:
            found.append(f"price {price(told)} was charged, tariff {key[0]} version {key[1]} says {price(ours)}")
        return ours, found

    def day_charge(self, record: Record, gateway_id: int, standing: Standing) -> tuple[int, list[str]]:
        """(our own amount of a fee or minimum, differences)."""
        key = (record.number("tariff"), record.number("version"))
        if key not in self.rules or "day" not in record.fields:
            return 0, [f"a fee by tariff {key[0]} version {key[1]}, which has none here"]
        return standing.day_charge(record, self.rules[key])

    def _validity(self, record: Record, gateway_id: int, key: Key, tariff: Tariff, began_s: int) -> list[str]:
        """A version is valid from its day on, until a newer one that the gateway has takes over for energy that begins later."""
        ended_s = record.number("reading_at_s")
        if ended_s and _day(ended_s, tariff) < tariff.effective:
            return [f"tariff {key[0]} version {key[1]} is valid from {tariff.effective}, the charge is of {_day(ended_s, tariff)}"]
        for other, newer in self.held.items():
            known = self.known_since.get((gateway_id, other), record.sequence)
            later = (newer.effective, other[1]) > (tariff.effective, key[1])
            if other[0] == key[0] and later and known < record.sequence and began_s and newer.effective <= _day(began_s, newer):
                return [f"tariff {key[0]} version {key[1]} was charged, version {other[1]} is in force since {newer.effective}"]
        return []


def _day(at_s: int, tariff: Tariff) -> str:
    return (datetime.fromtimestamp(at_s, timezone.utc) + timedelta(minutes=tariff.utc_offset_min)).date().isoformat()
