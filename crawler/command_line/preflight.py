"""Checks configuration (exit code 2) and lake (exit code 1) before a crawl sends its first request."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import urlsplit

from scrapy import Spider
from scrapy.exceptions import UsageError
from scrapy.settings import BaseSettings
from scrapy.spiderloader import get_spider_loader

from cleaning import host_of
from crawler import settings as default_settings
from crawler.addon import Pressline
from crawler.command_line.job_folder import JobFolder, JobRefused
from crawler.outlet_files import known_outlets, mistakes_at, mistakes_in
from crawler.politeness.contact import contact_problem, public_hosts
from crawler.politeness.private_networks import parse_networks
from crawler.politeness.tdmrep import tdm_policy
from lake.storage.local_files import private_folder
from lake.storage.open_store import check_uri, open_store
from lake.storage.redaction import redacted
from lake.storage.store import LakeConfigError, LakeError, Store
from outlets import SPIDER_NAMES, OutletErrors

MAX_FLUSH_BYTES = 2**30  # an object store accepts up to 5 GB in one request
ANY_HOST = "any host"
_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Refused(Exception):
    """The crawl does not start; the message says what is wrong, where, and what to do about it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(redacted(message))
        self.exit_code = exit_code


def check_before_crawl(settings: BaseSettings, args: list[str], arguments: dict[str, Any]) -> None:
    """Check all that a crawl needs. args: the command's positional arguments, that is the spider's name; arguments:
    the `-a` arguments. Raises Refused: exit code 1 where the lake cannot be reached, 2 for anything else."""
    Pressline.update_pre_crawler_settings(settings)  # the spiders are loaded here, before Scrapy does so
    check_spider(settings, _load_spider(settings, args), arguments)


def check_spider(settings: BaseSettings, spider: type[Spider], arguments: dict[str, Any]) -> None:
    """Check what a crawl of this spider needs. Raises Refused as check_before_crawl."""
    _check_settings(settings)
    _check_arguments(arguments, spider)
    try:
        hosts = spider.hosts(**arguments) if hasattr(spider, "hosts") else _named_hosts(spider)
    except UsageError as error:
        raise Refused(str(error), 2) from error
    _check_broken_files(spider, hosts, arguments)
    public = public_hosts(hosts, settings.getlist("ALLOWED_NETWORKS"), settings.getdict("DNS_OVERRIDES"))
    if problem := contact_problem(settings.get("CONTACT"), public):
        raise Refused(problem, 2)
    store = _lake_store(settings)  # before anything is written
    _check_state_dir(Path(settings["STATE_DIR"]))
    _check_job(settings, spider)
    _probe(store)


def check_landing(settings: BaseSettings) -> None:
    """Check what pages need that land without a crawl: settings, STATE_DIR, lake. Raises Refused as
    check_before_crawl."""
    _check_settings(settings)
    store = _lake_store(settings)  # before anything is written
    _check_state_dir(Path(settings["STATE_DIR"]))
    _probe(store)


def check_configuration(settings: BaseSettings) -> None:
    """Check what a run needs that fetches nothing: outlet files, settings, STATE_DIR. Raises Refused (code 2)."""
    Pressline.update_pre_crawler_settings(settings)
    try:
        known_outlets()
    except OutletErrors as errors:
        raise Refused(str(errors), 2) from errors
    _check_settings(settings)
    _check_state_dir(Path(settings["STATE_DIR"]))


def _load_spider(settings: BaseSettings, args: list[str]) -> type[Spider]:
    if len(args) != 1:
        raise Refused("expected one spider: scrapy crawl NAME; `scrapy list` names them", 2)
    try:
        mistakes = "" if args[0] in SPIDER_NAMES else mistakes_in(args[0])
    except OutletErrors as errors:
        raise Refused(str(errors), 2) from errors
    if mistakes:
        raise Refused(mistakes, 2)
    loader = get_spider_loader(settings)
    names = loader.list()
    if args[0] not in names:
        guess = get_close_matches(args[0], names, 1)
        hint = f"did you mean {guess[0]!r}?" if guess else "`scrapy list` names them"
        raise Refused(f"no outlet or spider is called {args[0]!r}; {hint}", 2)
    return loader.load(args[0])


def _check_broken_files(spider: type[Spider], hosts: Sequence[str], arguments: dict[str, Any]) -> None:
    """Refuse to crawl addresses of an outlet whose file has mistakes: its rules, its pace and its name would not hold
    for them. A spider of sound outlets has none."""
    takes_outlets = "outlets" in (getattr(spider, "arguments", None) or ())
    if (
        hasattr(spider, "outlet")
        or hasattr(spider, "outlet_keys")
        or (takes_outlets and arguments.get("outlets"))
    ):
        return
    if not hosts or ANY_HOST in hosts:
        mistakes = "\n".join(map(mistakes_in, known_outlets().broken))
        choice = "-a outlets=… to name the sound ones" if takes_outlets else "allowed_domains in the spider"
        why = f"{spider.name} may meet pages of any outlet, so it needs sound files, or {choice}"
    else:
        mistakes = mistakes_at(hosts)
        why = f"{spider.name} has addresses of this outlet: mend its file, or leave them out"
    if mistakes:
        raise Refused(f"{mistakes}\n{why}", 2)


def _check_arguments(arguments: dict[str, Any], spider: type[Spider]) -> None:
    """Refuse unknown `-a` arguments: a misspelt one would be ignored, and the crawl would not be the intended one.
    Names that begin with an underscore are set by schedulers, as scrapyd's _job, and pass."""
    known: Sequence[str] | None = getattr(spider, "arguments", None)
    for name in arguments:
        if known is not None and name not in known and not name.startswith("_"):
            guess = get_close_matches(name, known, 1)
            hint = f"did you mean {guess[0]!r}?" if guess else f"known are {', '.join(sorted(known))}"
            raise Refused(f"-a {name}: {spider.name} has no such argument; {hint}", 2)


def _check_settings(settings: BaseSettings) -> None:
    for name in _SECRETS:
        if settings.get(name):
            raise Refused(
                f"{name}: a secret given as a setting is printed in the log; set it in the environment", 2
            )
    _check_numbers(settings)
    try:
        check_uri(settings["LAKE_URI"])
    except LakeConfigError as error:
        raise Refused(str(error), 2) from error
    try:
        tdm_policy(settings)
    except UsageError as error:
        raise Refused(str(error), 2) from error
    try:
        parse_networks(settings.getlist("ALLOWED_NETWORKS"))
    except ValueError as error:
        raise Refused(f"ALLOWED_NETWORKS: {error}; expected networks as 127.0.0.0/8", 2) from error
    if settings.getint("FLUSH_BYTES") > MAX_FLUSH_BYTES:
        raise Refused(
            f"FLUSH_BYTES: {settings['FLUSH_BYTES']} is more than {MAX_FLUSH_BYTES}: a part is one object, put in one "
            "request and held in memory",
            2,
        )
    for host, address in settings.getdict("DNS_OVERRIDES").items():
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise Refused(f"DNS_OVERRIDES: {host}: {error}", 2) from error


def _check_numbers(settings: BaseSettings) -> None:
    """Refuse a setting that is no number although its default in crawler/settings.py is one."""
    for name, default in vars(default_settings).items():
        if name.isupper() and isinstance(default, int | float) and not isinstance(default, bool):
            value = settings[name]
            if name == "DEDUPE_WINDOW_DAYS" and value == "all":
                continue
            try:
                float(value)
            except (TypeError, ValueError):
                raise Refused(f"{name}: expected a number, not {value!r}", 2) from None


def _check_job(settings: BaseSettings, spider: type[Spider]) -> None:
    if not (folder := settings.get("JOBDIR")):
        return
    if not getattr(spider, "keeps_job", True):
        raise Refused(
            f"JOBDIR: the spider {spider.name!r} keeps no queue; leave it out: the same command goes on where it stopped, "
            "for what has landed is known",
            2,
        )
    try:
        JobFolder(folder, spider.name).check()
    except JobRefused as error:
        raise Refused(str(error), 2) from error


def _lake_store(settings: BaseSettings) -> Store:
    try:
        return open_store(settings["LAKE_URI"])
    except LakeError as error:
        raise Refused(str(error), 2 if isinstance(error, LakeConfigError) else 1) from error


def _probe(store: Store) -> None:
    try:
        store.probe()
    except LakeError as error:
        raise Refused(str(error), 2 if isinstance(error, LakeConfigError) else 1) from error


def _check_state_dir(folder: Path) -> None:
    try:
        private_folder(folder)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Refused(f"STATE_DIR: {folder} cannot be written: {error.strerror}", 2) from error


def _named_hosts(spider: type[Spider]) -> list[str]:
    """The hosts that a hand-written spider names in allowed_domains and start_urls; if none, ANY_HOST."""
    hosts = [*(getattr(spider, "allowed_domains", None) or []), *(getattr(spider, "start_urls", None) or [])]
    return [host_of(n) if urlsplit(n).scheme else n for n in hosts] or [ANY_HOST]
