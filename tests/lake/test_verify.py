"""Whether a lake is sound: each fault, made on purpose, is told in words."""

import io
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.__main__ import main
from lake.index.checkpoints import write
from lake.index.page_index import index_path
from lake.jobs.retention import expire
from lake.jobs.takedown import forget
from lake.jobs.verify import verify
from lake.runs.session import Lake
from lake.storage.folder_store import FolderStore
from lake.storage.store import sha256_hex
from tests.lake.stories import page, processed, raw
from tests.lake.test_run import crawl, no_rules

pytestmark = pytest.mark.xdist_group("verify")

A = page("https://one.example/bridge", "bridge")
A_COPY = page("https://two.example/bridge-copy", "bridge", title="Bridge decided", cut=6)
A_ALIAS = page("https://one.example/bridge?page=full", "bridge")
B = page("https://two.example/library", "library")
GONE = raw("https://one.example/gone", "", status=404)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A lake with rows of each table."""
    home = tmp_path_factory.mktemp("sound")
    uri = str(home / "lake")
    crawl(uri, home / "state", A, A_COPY, A_ALIAS, B, GONE)
    later = replace(
        page(B.url, "library", extra="A second storey is to follow when the first has been paid for."),
        fetched_at=B.fetched_at + timedelta(days=1),
    )
    crawl(uri, home / "state", later)
    write(FolderStore(home / "lake"), index_path(home / "state", uri))
    return home


@pytest.fixture
def lake(sound, tmp_path):
    shutil.copytree(sound, tmp_path, dirs_exist_ok=True)
    return tmp_path / "lake"


def part(lake, table):
    return sorted(lake.glob(f"{table}/*/*.parquet"))[0]


def told(lake):
    return "\n".join(verify(FolderStore(lake)).faults)


def list_again(lake, path):
    """As if the run had landed the part as it is."""
    key, data = path.relative_to(lake).as_posix(), path.read_bytes()
    for file in lake.glob("runs/*.json"):
        record = json.loads(file.read_bytes())
        for line in record.get("parts", []):
            if line["key"] == key:
                rows = pq.read_metadata(io.BytesIO(data)).num_rows
                line |= {"sha256": sha256_hex(data), "bytes": len(data), "rows": rows}
        file.write_text(json.dumps(record))


def rewritten(lake, table, change):
    """The part after a change of its Arrow table, with a digest that is right."""
    path = part(lake, table)
    pq.write_table(change(pq.read_table(path, partitioning=None)), path)
    list_again(lake, path)


def changed(column, value):
    def change(rows):
        values = pa.array([value, *rows.column(column).to_pylist()[1:]], rows.schema.field(column).type)
        place = rows.schema.get_field_index(column)
        return rows.set_column(place, rows.schema.field(column), values)

    return change


# ---------------------------------------------------------------- sound lakes


def test_a_sound_lake_is_told_by_its_tables(lake, capsys):
    assert main(["verify", "--lake", str(lake)]) == 0
    said = capsys.readouterr().out
    assert said.endswith("sound\n")
    rows = {line.split()[0]: line.split()[2] for line in said.splitlines()[1:6]}
    assert rows == {"raw": "6", "articles": "2", "copies": "2", "revisions": "1", "rejects": "1"}


def test_an_object_store_is_verified_alike(bucket, tmp_path):
    crawl(f"{bucket}/lake", tmp_path, A, A_COPY)
    assert main(["verify", "--lake", f"{bucket}/lake"]) == 0


def test_an_empty_lake_is_sound(tmp_path):
    assert main(["verify", "--lake", str(tmp_path)]) == 0


def test_what_is_under_way_is_no_fault(lake):
    with Lake(str(lake), lake.parent / "state").run("under-way", no_rules, {}) as (run, _):
        run.add(processed(page("https://three.example/library", "library", cut=6)))
        run.flush()
        report = verify(FolderStore(lake))
        run.abandon()
    assert (report.faults, report.under_way) == ([], 1)
    assert report.tables["copies"].unlisted == 1


def test_a_run_that_ends_during_it_is_no_fault(lake):
    class Busy(FolderStore):
        def keys(self, prefix, after=""):
            if prefix == "runs/":
                crawl(str(lake), lake.parent / "state", page("https://three.example/l", "library", cut=6))
            return super().keys(prefix, after)

    assert verify(Busy(lake)).faults == []


def test_takedowns_and_retention_are_no_faults(lake):
    store = FolderStore(lake)
    forget(store, [A.id], [])
    report = verify(store)
    assert report.faults == []
    assert report.taken_down > 0  # the copy by another outlet points to the page
    expire(store, 1, datetime.now(UTC).date() + timedelta(days=9))
    assert (verify(store).faults, verify(store).expired) == ([], 2)


def test_parts_that_lack_a_younger_column_are_no_fault(lake):
    rewritten(lake, "raw", lambda rows: rows.drop_columns(["part", "part_of"]))
    rewritten(lake, "articles", lambda rows: rows.drop_columns(["opinion"]))
    assert told(lake) == ""


# ---------------------------------------------------------------- each fault


def test_a_flipped_bit_is_told(lake):
    path = part(lake, "articles")
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    assert f"{path.name}: its digest is" in told(lake)
    list_again(lake, path)
    assert f"{path.name}: cannot be read: " in told(lake)  # Parquet's own checksums


def test_a_cut_part_is_told(lake, capsys):
    path = part(lake, "copies")
    path.write_bytes(path.read_bytes()[:-100])
    assert main(["verify", "--lake", str(lake)]) == 1
    said = capsys.readouterr()
    assert f"{path.name}: cannot be read: " in said.err
    assert said.out.endswith("faults\n")


def test_a_lost_part_is_told(lake):
    path = part(lake, "articles")
    path.unlink()
    assert f"named by a run record, and not there: {path.relative_to(lake).as_posix()}" in told(lake)
    assert "copies: story_id names a page that has no row: " in told(lake)


def test_a_part_that_nobody_names_is_told(lake):
    path = part(lake, "rejects")
    twin = path.with_name(path.name.replace("-00000.", "-00007."))
    twin.write_bytes(path.read_bytes())
    said = told(lake)
    assert f"not named by the record of its run: {twin.relative_to(lake).as_posix()}" in said
    assert f"{twin.name}: rows with seq 0" in said
    assert f"rejects: more than one row of: {GONE.id}" in said


def test_a_part_of_another_table_run_or_day_is_told(lake):
    path = part(lake, "articles")
    shutil.move(path, part(lake, "copies"))
    assert "written as a part of articles" in told(lake)
    (lake / "raw/day=2020-01-01").mkdir()
    raw = part(lake, "raw")
    shutil.move(raw, lake / "raw/day=2020-01-01" / raw.name)
    assert f"rows with landed_at {raw.parent.name.removeprefix('day=')}" in told(lake)


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("articles", lambda rows: rows.drop_columns(["story_id"]), "column story_id is not there"),
        ("articles", lambda rows: rows.append_column("mood", pa.array(["x"] * len(rows))), "column mood is not"),
        ("rejects", lambda rows: rows.set_column(0, "id", pa.array([7] * len(rows))), "column id is int64"),
        ("articles", lambda rows: rows.replace_schema_metadata({}), "of schema version None"),
        ("revisions", changed("run_id", "20200101T000000Z-x-0"), "rows with run_id 20200101T000000Z-x-0"),
        ("articles", lambda rows: pa.concat_tables([rows, rows]), "articles: more than one row of: "),
        ("articles", changed("story_id", B.id), "articles: story_id is not its own id: "),
        ("copies", changed("copy_of", "f" * 32), f"→ {'f' * 32}"),
        ("copies", changed("id", A.id), f"in articles and in copies: {A.id}"),
        ("revisions", changed("original_id", "e" * 32), f"original_id names a page that has no row: {B.id} → e"),
        ("raw", changed("part_of", "d" * 32), "raw: part_of names a page that has no row: "),
    ],
)  # fmt: skip
def test_rows_that_are_wrong_are_told(lake, table, change, words):
    rewritten(lake, table, change)
    assert words in told(lake)


def test_a_link_to_nowhere_is_told(lake):
    def change(rows):
        links = [{**link, "id": "c" * 32} for link in rows.column("links").to_pylist()[0]]
        assert links
        return changed("links", links)(rows)

    rewritten(lake, "copies", change)
    assert "copies: links names a page that has no row: " in told(lake)


def test_a_wrong_count_of_rows_is_told(lake):
    (record,) = (f for f in lake.glob("runs/*.json") if b'"rejects"' in f.read_bytes())
    record.write_text(record.read_text().replace('"rows": 2', '"rows": 3'))
    assert "2 rows, its run record says 3" in told(lake)


def test_a_record_that_is_none_is_told(lake):
    (lake / "runs/20260101T000000Z-x-00000000.json").write_text("{")
    assert "runs/20260101T000000Z-x-00000000.json: no run record: " in told(lake)


def test_a_checkpoint_of_another_version_is_no_fault(lake):
    manifest = next(Path(lake).glob("checkpoints/*.json"))
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": "1"}))
    assert told(lake) == ""


def test_a_damaged_checkpoint_is_told(lake):
    piece = next(Path(lake).glob("checkpoints/*.zst"))
    piece.write_bytes(b"damaged")
    assert "another digest than its manifest says; it is passed over, and may be deleted" in told(lake)
    piece.unlink()
    assert f"{piece.name} is missing; it is passed over" in told(lake)


# ---------------------------------------------------------------- what is no part


def put(lake, key, content):
    path = lake / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def lease(**changed):
    fields = {"host": "h", "pid": 1, "folder": "f", "run_id": "r", "since": "2026-01-01", "ttl_s": 120.0}
    return {**fields, **changed}


LINE = {
    "key": "0",
    "text": "Write to us.",
    "stories": 9,
    "days": 9,
    "first": "2026-01-01",
    "last": "2026-02-01",
}
LEARNED = {"o": {"stories_at_least": 8, "days_at_least": 3, "lines": [LINE]}}
STARTED = {
    "run_id": "20260101T000000Z-x-00000000",
    "host": "h",
    "pid": 7,
    "started_at": "2026-01-01T00:00:00+00:00",
}
RUN = "runs/20260101T000000Z-x-00000000.started.json"


@pytest.mark.parametrize(
    ("key", "content", "words"),
    [
        ("clusters/20260101T000000000000Z.parquet", b"PAR1", "cannot be read: "),
        ("boilerplate/v1.json", b"{", "v1.json: no boilerplate file: "),
        ("boilerplate/v1.json", {"format": 2}, "v1.json: no boilerplate file: "),
        ("boilerplate/v1.json", {"format": 1, "version": "v2", "outlets": {}}, "v1.json: is of version v2"),
        ("boilerplate/v1.json", {"format": 1, "version": "v1", "outlets": LEARNED}, "under a key that is not theirs: 0"),
        ("leases/herald.json", b"torn", "herald.json: no lease; "),
        ("leases/herald.json", lease(mood="x"), "herald.json: no lease; "),
        (RUN, STARTED, "has not ended since 2026-01-01 00:00 (process 7 on h)"),
        (RUN, {"run_id": STARTED["run_id"]}, "lacks 'started_at', so no start can finish the run"),
        (RUN, b"{", "no run record: "),
        (RUN, {**STARTED, "run_id": "other"}, "it is of run other"),
        ("takedowns/page-1.json", {}, "no name of a tombstone"),
        (f"takedowns/page-{'0' * 32}.json", {"tombstone": "x"}, "its content is none of a tombstone"),
        ("checkpoints/20260101T000000Z-00000000-00000.zst", b"x", "pieces of a checkpoint whose writer died"),
        (".tmp/x.0123", b"half", ".tmp/x.0123: a temporary file of a process that died"),
        ("snapshots/x", b"x", "no objects of a lake, so no takedown looks at them; move them elsewhere: snapshots/x"),
        ("articles/notes.txt", b"x", "move them elsewhere: articles/notes.txt"),
        ("notes.txt", b"x", "move them elsewhere: notes.txt"),
    ],
)  # fmt: skip
def test_an_object_that_is_wrong_is_told(lake, key, content, words):
    put(lake, key, content)
    assert words in told(lake)


NESTED = pytest.param(b"[" * 100_000, id="nested")  # json.loads raises RecursionError


@pytest.mark.parametrize(
    "content", [b"7", b"[null]", b'"text"', NESTED, {"format": 1, "version": "v1", "outlets": 7}]
)
@pytest.mark.parametrize(
    "key",
    [
        "boilerplate/v1.json",
        "leases/herald.json",
        RUN,
        RUN.replace(".started", ""),
        f"takedowns/page-{'0' * 32}.json",
        "takedowns/rewrites/x.json",
        "flushes/20260101T000000Z-x-00000000-00000.json",
    ],
)
def test_json_of_any_other_form_is_told_by_its_key(lake, key, content):
    put(lake, key, content)
    assert key in told(lake)


def test_clusters_that_are_wrong_are_told(lake):
    from lake.jobs.story_clusters import cluster_lake

    key = cluster_lake(FolderStore(lake), None).key
    assert told(lake) == ""
    path, rows = lake / key, pq.read_table(lake / key)
    pq.write_table(pa.concat_tables([rows, rows]), path)
    assert f"{key}: has more than one row of a page" in told(lake)
    pq.write_table(changed("linked_id", "f" * 32)(rows), path)
    assert f"{key}: names pages that have no row: {'f' * 32}" in told(lake)
    pq.write_table(rows.drop_columns(["outlet"]), path)
    assert f"{key}: has the columns id, story_id" in told(lake)
    pq.write_table(rows, path)
    put(lake, f"takedowns/page-{A.id}.json", {"tombstone": f"page-{A.id}"})  # as if the command had died
    said = told(lake)
    assert f"{key}: has a row of {A.id}, which was taken down" in said
    assert "has rows of what was taken down; run the same `python -m lake forget` again: " in said


def test_a_lease_that_nobody_renews_is_told_when_it_is_old(lake):
    import os

    path = put(lake, "leases/herald.json", lease())
    assert told(lake) == ""
    os.utime(path, (0, 0))
    assert "leases/herald.json: expired " in told(lake)
    path.write_text(json.dumps(lease(released=True)))
    os.utime(path, (0, 0))
    assert told(lake) == ""


def test_a_long_crawl_that_renews_its_lease_is_no_fault(lake):
    put(lake, RUN, {**STARTED, "leases": ["herald"]})
    assert "has not ended since" in told(lake)
    put(lake, "leases/herald.json", lease(run_id=STARTED["run_id"]))
    assert told(lake) == ""


def test_what_crawls_and_readers_leave_is_no_fault(lake):
    store = FolderStore(lake)
    store.probe()
    put(lake, "_SUCCESS", b"")
    put(lake, ".DS_Store", b"")
    put(lake, "README.md", b"")
    with store._temporary("x", b"half"):
        assert told(lake) == ""
