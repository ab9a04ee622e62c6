"""Outlet files from a catalogue of facts: python -m tools.outlets_from_catalogue sources.json [folder]

The catalogue is a JSON list; an entry has name, home, country, language, sample_articles, and where known feeds,
news_sitemaps and sitemaps (each with url, keep, drop, rule, languages, newest_last) and article_url (keep, drop).
A file that stands already is left alone: from its first day on it is owned by hand.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tldextract

import outlets
from cleaning import host_of
from tools.article_patterns import patterns

FACTS = "a public catalogue of publishers (fundus, mid-2026)"
_KINDS = ("feeds", "news_sitemaps", "sitemaps")
_COUNTRIES = {"uk": "gb", "ind": "in", "isl": "is"}  # as the catalogue writes them → ISO 3166-1
_ZONES = {
    "at": "Europe/Vienna", "au": "Australia/Sydney", "be": "Europe/Brussels", "ca": "America/Toronto", "ch": "Europe/Zurich",
    "cn": "Asia/Shanghai", "cz": "Europe/Prague", "de": "Europe/Berlin", "dk": "Europe/Copenhagen", "es": "Europe/Madrid",
    "fr": "Europe/Paris", "gb": "Europe/London", "gl": "America/Nuuk", "id": "Asia/Jakarta", "il": "Asia/Jerusalem",
    "in": "Asia/Kolkata", "is": "Atlantic/Reykjavik", "it": "Europe/Rome", "jp": "Asia/Tokyo", "kr": "Asia/Seoul",
    "lb": "Asia/Beirut", "li": "Europe/Vaduz", "lt": "Europe/Vilnius", "lu": "Europe/Luxembourg", "mx": "America/Mexico_City",
    "my": "Asia/Kuala_Lumpur", "na": "Africa/Windhoek", "no": "Europe/Oslo", "pl": "Europe/Warsaw", "pt": "Europe/Lisbon",
    "py": "America/Asuncion", "ru": "Europe/Moscow", "se": "Europe/Stockholm", "tr": "Europe/Istanbul", "tw": "Asia/Taipei",
    "tz": "Africa/Dar_es_Salaam", "ua": "Europe/Kyiv", "us": "America/New_York", "vn": "Asia/Ho_Chi_Minh",
    "za": "Africa/Johannesburg",
}  # fmt: skip
_registrable = tldextract.TLDExtract(suffix_list_urls=())  # the list that comes with it; nothing is fetched


def main(catalogue: Path, folder: Path) -> int:
    """Writes what is missing, tells what it wrote, and returns how many."""
    taken = {p.stem for p in folder.glob("*.toml")}
    known = {d for p in folder.glob("*.toml") for d in outlets.read(p).domains}
    written = 0
    entries = json.loads(catalogue.read_text("utf-8"))
    # of two outlets with one name, the one under .com has it, and the other one its country behind it
    for entry in sorted(entries, key=lambda e: not host_of(e["home"]).endswith(".com")):
        domains = domains_of(entry)
        if known & set(domains):
            continue
        key = key_of(entry, taken)
        taken.add(key)
        known |= set(domains)
        path = folder / f"{key}.toml"
        path.write_text(toml(entry, domains), "utf-8")
        outlets.read(path)  # a mistake ends it here, with file and line
        written += 1
    print(f"{written} files written into {folder}, {len(taken)} stand there now")
    return written


def domains_of(entry: dict[str, Any]) -> list[str]:
    """Of the home page; of articles that lie elsewhere; of sources whose domain bears the same name."""
    home = re.sub(r"^www\d*\.", "", host_of(entry["home"]))
    found, name = [home], _registrable(home).domain
    for url in entry["sample_articles"]:
        _add(found, host_of(url))
    for source in _sources(entry):
        if _registrable(host_of(source["url"])).domain == name:
            _add(found, host_of(source["url"]))
    return found


def _add(found: list[str], host: str) -> None:
    if not any(host == d or host.endswith("." + d) for d in found):
        found.append(_registrable(host).top_domain_under_public_suffix)


def key_of(entry: dict[str, Any], taken: Iterable[str]) -> str:
    """The domain's name, or the outlet's where that is a subdomain or very short; the country where it is taken."""
    host = re.sub(r"^www\d*\.", "", host_of(entry["home"]))
    parts = _registrable(host)
    named = parts.subdomain or len(parts.domain) < 3
    name = re.sub(rf"\s*\({parts.domain}\)", "", entry["name"], flags=re.I)
    key = _word(name if named else parts.domain)
    return f"{key}_{_country(entry)}" if key in taken else key


def _word(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.lower().replace("ı", "i")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def _country(entry: dict[str, Any]) -> str:
    country: str = entry["country"]
    return _COUNTRIES.get(country, country)


def _language(entry: dict[str, Any]) -> str:
    """What all sources carry, if that is one language; or else the outlet's own."""
    carried = {language for s in _sources(entry) for language in s.get("languages", ["?"])}
    own: str = entry["language"]
    return carried.pop() if len(carried) == 1 and carried != {"?"} else own


def _sources(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for kind in _KINDS:
        yield from entry.get(kind, ())


def toml(entry: dict[str, Any], domains: list[str]) -> str:
    """The text of an outlet file."""
    top = {
        "name": entry["name"],
        "home": entry["home"],
        "country": _country(entry),
        "language": _language(entry),
        "timezone": _ZONES[_country(entry)],
        "domains": domains,
        "facts": FACTS,
        "seen_alive": "never",
    }
    article_url = entry.get("article_url", {})
    samples = entry["sample_articles"]
    denied = [d for d in [article_url.get("drop")] if d and not any(re.search(d, url) for url in samples)]
    sources: dict[str, Any] = {
        kind: list(dict.fromkeys(s["url"] for s in entry.get(kind, ()))) for kind in _KINDS
    }
    sources["sitemaps_allow"], sources["sitemaps_deny"] = _sitemap_patterns(entry)
    sources["newest_last"] = any(s.get("newest_last") for s in entry.get("sitemaps", ()))
    return (
        _lines(top)
        + _section("sources", sources)
        + _section("articles", {"allow": patterns(samples), "deny": denied})
    )


def _sitemap_patterns(entry: dict[str, Any]) -> tuple[list[str], list[str]]:
    """A compound rule is not translated; it is left to the hand."""
    found = [s for kind in ("news_sitemaps", "sitemaps") for s in entry.get(kind, ())]
    keep, drop = (list(dict.fromkeys(s[k] for s in found if k in s)) for k in ("keep", "drop"))
    return keep, drop


def _section(name: str, values: dict[str, Any]) -> str:
    told = {k: v for k, v in values.items() if v}
    return f"\n[{name}]\n{_lines(told)}" if told else ""


def _lines(values: dict[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        items = [_value(v) for v in value]
        joined = f"[{', '.join(items)}]"
        return joined if len(joined) < 100 else "[\n" + "".join(f"  {i},\n" for i in items) + "]"
    return (
        f"'{value}'"
        if set(value) & set("\\^$[|") and "'" not in value
        else json.dumps(value, ensure_ascii=False)
    )


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else outlets.BUNDLED)
