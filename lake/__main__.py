"""Command line for jobs that need only the lake, without a crawl: python -m lake COMMAND …"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cleaning.wording import counted
from lake.standard_output import reader_may_leave
from lake.storage.open_store import open_lake
from lake.storage.redaction import redacted
from lake.storage.store import LakeConfigError, LakeError


def main(argv: list[str] | None = None) -> int:
    """Run a command, and return its exit code: 0 done, 1 failed, 2 wrong arguments."""
    parser = argparse.ArgumentParser("python -m lake", description="Work on a lake, without a crawl.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_warc(commands.add_parser("warc", help="write pages out of raw as WARC files"))
    _add_cluster(
        commands.add_parser("cluster", help="group a whole lake into stories, and choose the originals")
    )
    _add_boilerplate(
        commands.add_parser("boilerplate", help="learn which lines recur in an outlet's stories, to be cut")
    )
    _add_forget(commands.add_parser("forget", help="take pages or outlets down, for good"))
    _add_expire(commands.add_parser("expire", help="remove raw pages after so many days"))
    _add_verify(commands.add_parser("verify", help="read the whole lake, and tell whether it is sound"))
    arguments = parser.parse_args(argv)
    try:
        with reader_may_leave():
            code: int = arguments.run(arguments)
    except LakeConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (LakeError, OSError) as error:
        print(redacted(str(error)), file=sys.stderr)
        return 1
    return code


def _add_lake_option(parser: argparse.ArgumentParser) -> None:
    home = os.environ.get("LAKE_URI") or "output"
    parser.add_argument(
        "--lake", default=home, metavar="URI", help=f"a folder or s3://bucket/prefix ({home})"
    )


# ---------------------------------------------------------------- cluster


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    _add_lake_option(parser)
    parser.add_argument(
        "--window-days",
        type=_parse_days,
        default=30,
        help="pages published further apart do not match; all: no limit (30)",
    )
    parser.set_defaults(run=_run_cluster)


def _run_cluster(arguments: argparse.Namespace) -> int:
    from lake.jobs.story_clusters import cluster_lake

    window = None if arguments.window_days is None else timedelta(days=arguments.window_days)
    result = cluster_lake(open_lake(arguments.lake), window)
    print(
        f"{result.key}: {counted(result.pages, 'page')}, {counted(result.stories, 'story', 'stories')}, "
        f"{counted(result.merged, 'story id')} merged into others\n{counted(result.counts.pairs, 'pair')} compared; "
        f"{counted(result.counts.crowded, 'key')} shared by more pages than one is compared with"
    )
    if result.unfinished:
        print(
            f"{counted(result.unfinished, 'run')} left out that {'has' if result.unfinished == 1 else 'have'} not ended",
            file=sys.stderr,
        )
    return 0


def _parse_days(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or not 0 < int(text) <= 36500:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of days, or all")
    return int(text)


# ---------------------------------------------------------------- boilerplate


def _add_boilerplate(parser: argparse.ArgumentParser) -> None:
    _add_lake_option(parser)
    parser.add_argument(
        "--stories", type=_parse_count, default=8, metavar="N", help="that have the line, at least (8)"
    )
    parser.add_argument(
        "--days", type=_parse_count, default=3, metavar="N", help="on which they were published, at least (3)"
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be learned")
    parser.set_defaults(run=_run_boilerplate)


def _run_boilerplate(arguments: argparse.Namespace) -> int:
    from lake.jobs.learn_boilerplate import learn

    learned, is_new = learn(
        open_lake(arguments.lake), arguments.stories, arguments.days, dry_run=arguments.dry_run
    )
    for outlet, lines in (learned.outlets or {}).items():
        print(f"{outlet}: {len(lines)} lines")
        for line in lines:
            print(
                f"  seen in {counted(line.stories, 'story', 'stories')} on {counted(line.days, 'day')}: {_printable(line.text)}"
            )
    outcome = "written" if is_new else "not written" if arguments.dry_run else "nothing new"
    print(
        f"boilerplate/{learned.version}.json: {outcome}" if learned.version else f"no boilerplate: {outcome}"
    )
    return 0


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text[:200])


def _parse_count(text: str) -> int:
    if not text.isdecimal() or not 2 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number from 2")
    return int(text)


# ---------------------------------------------------------------- forget


def _add_forget(parser: argparse.ArgumentParser) -> None:
    _add_lake_option(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--url",
        action="extend",
        default=[],
        type=_parse_url,
        dest="pages",
        help="of an article; may be repeated",
    )
    what.add_argument(
        "--outlet", action="append", default=[], help="as in the outlet column; may be repeated"
    )
    parser.add_argument("--reason", metavar="TEXT", help="kept in the lake")
    home = os.environ.get("STATE_DIR") or ".state"
    parser.add_argument(
        "--state", default=home, type=Path, metavar="FOLDER", help=f"this machine's STATE_DIR ({home})"
    )
    parser.add_argument("--json", action="store_true", help="print the receipt as JSON")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done")
    parser.set_defaults(run=_run_forget)


def _run_forget(arguments: argparse.Namespace) -> int:
    from lake.jobs.takedown import forget, preview

    store = open_lake(arguments.lake)
    if arguments.dry_run:
        receipt = preview(store, arguments.pages, arguments.outlet)
    else:
        receipt = forget(store, arguments.pages, arguments.outlet, arguments.reason, arguments.state)
    if arguments.json:
        print(json.dumps(asdict(receipt), indent=1))
        return 1 if receipt.unreadable else 0
    for part in receipt.parts:
        print(
            f"{part.key}: {counted(part.removed, 'row')} out, {part.rows} left, {part.sha256_before} → {part.sha256}"
        )
    for name in receipt.tombstones:
        print(f"takedowns/{name}.json")
    for run_id in receipt.under_way:
        print(f"run {run_id} has no record yet: what it lands is taken out at its end")
    removed = sum(part.removed for part in receipt.parts)
    verb, parts = "would take" if arguments.dry_run else "took", counted(len(receipt.parts), "part")
    print(f"{verb} {counted(removed, 'row')} out of {parts}")
    for place in receipt.places:
        left = f", {place.left} left to who is at work there" if place.left else ""
        print(f"looked at {place.name}: {place.objects} there, {place.changed} changed{left}")
    for what in receipt.out_of_reach:
        print(f"out of reach: {what}")
    for what in receipt.not_looked_at:
        print(f"not looked at: {what}", file=sys.stderr)
    for key in receipt.unreadable:
        print(f"cannot be read, so it may still hold what was taken down: {key}", file=sys.stderr)
    if not removed and arguments.outlet:
        outlets = ", ".join(arguments.outlet)
        print(
            f"no row of the lake is of {outlets}: is that what stands in the column outlet?", file=sys.stderr
        )
    return 1 if receipt.unreadable else 0


def _parse_url(url: str) -> list[str]:
    """Return the ids that a page may have by this URL: of the URL as it is, and of what a crawl requests for it."""
    from cleaning import page_id, request_url

    try:
        return list(dict.fromkeys([page_id(url), page_id(request_url(url))]))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{url!r}: {error}") from None


# ---------------------------------------------------------------- expire


def _add_expire(parser: argparse.ArgumentParser) -> None:
    _add_lake_option(parser)
    parser.add_argument(
        "--raw-days",
        type=_parse_days,
        default=os.environ.get("RAW_DAYS") or "all",
        metavar="N",
        help="raw pages stay so many days after their landing; all: for ever (RAW_DAYS, else all)",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done")
    parser.set_defaults(run=_run_expire)


def _run_expire(arguments: argparse.Namespace) -> int:
    from lake.jobs.retention import expire

    if arguments.raw_days is None:
        print("raw is kept for ever; give --raw-days or set RAW_DAYS")
        return 0
    today = datetime.now(UTC).date()
    result = expire(open_lake(arguments.lake), arguments.raw_days, today, dry_run=arguments.dry_run)
    verb = "would remove" if arguments.dry_run else "removed"
    print(f"{verb} {counted(result.parts, 'raw part')} of {counted(len(result.days), 'day')}")
    for run_id in sorted(result.kept_runs):
        print(f"kept those of run {run_id}: it has no record yet")
    return 0


# ---------------------------------------------------------------- verify


def _add_verify(parser: argparse.ArgumentParser) -> None:
    _add_lake_option(parser)
    parser.set_defaults(run=_run_verify)


def _run_verify(arguments: argparse.Namespace) -> int:
    from lake.jobs.verify import verify

    report = verify(open_lake(arguments.lake))
    print(f"{'table':<10}{'parts':>9}{'rows':>12}{'MB':>11}{'not listed':>12}")
    for table, counts in report.tables.items():
        megabytes = f"{counts.bytes / 1e6:.1f}"
        print(f"{table:<10}{counts.parts:>9}{counts.rows:>12}{megabytes:>11}{counts.unlisted:>12}")
    print(
        f"{counted(report.runs, 'run')}, {report.under_way} more without a record; "
        f"{counted(report.expired, 'raw part')} expired; "
        f"{counted(report.taken_down, 'reference')} to pages that were taken down"
    )
    for fault in report.faults:
        print(fault, file=sys.stderr)
    print(counted(len(report.faults), "fault") if report.faults else "sound")
    return 1 if report.faults else 0


# ---------------------------------------------------------------- warc


def _add_warc(parser: argparse.ArgumentParser) -> None:
    _add_lake_option(parser)
    parser.add_argument(
        "--out", required=True, type=_parse_warc_name, metavar="FILE", help="x.warc.gz or x.warc"
    )
    parser.add_argument(
        "--day",
        action="append",
        default=[],
        type=_parse_day,
        help="of landing, as 2026-11-22; may be repeated",
    )
    parser.add_argument(
        "--outlet", action="append", default=[], help="as in the outlet column; may be repeated"
    )
    parser.add_argument(
        "--run", action="append", default=[], dest="run_id", help="a run's id; may be repeated"
    )
    parser.add_argument(
        "--split", type=_parse_size, metavar="SIZE", help="begin a new file at so many bytes, as 1G"
    )
    parser.set_defaults(run=_run_warc)


def _run_warc(arguments: argparse.Namespace) -> int:
    from lake.parquet.raw_page_selection import RawPageSelection
    from lake.warc.export import export  # pyarrow is slow to load: not for --help

    choice = RawPageSelection(*map(frozenset, (arguments.day, arguments.outlet, arguments.run_id)))
    written = export(open_lake(arguments.lake), arguments.out, choice, arguments.split)
    for path, pages in written.items():
        print(f"{path}: {counted(pages, 'page')}")
    if not written:
        print(f"{arguments.lake}: no such page in raw; nothing was written", file=sys.stderr)
    return 0 if written else 1


def _parse_warc_name(name: str) -> Path:
    if not name.endswith((".warc", ".warc.gz")):
        raise argparse.ArgumentTypeError(f"{name!r}: expected a name that ends in .warc or .warc.gz")
    return Path(name)


def _parse_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a day as 2026-11-22") from None


def _parse_size(text: str) -> int:
    match = re.fullmatch(r"(\d{1,12})([KMGT]?)B?", text.upper())
    if not match or int(match[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a size as 500M or 1G")
    size: int = int(match[1]) * 1024 ** " KMGT".index(match[2] or " ")
    return size


if __name__ == "__main__":
    sys.exit(main())
