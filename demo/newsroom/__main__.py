"""python -m demo.newsroom --port 8930: look at the outlets in a browser, or crawl them by hand."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from demo.newsroom.outlets import write_outlets
from demo.newsroom.server import Newsroom


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.newsroom", description=__doc__)
    parser.add_argument("--port", type=int, default=8930, help="loopback port, 0 for a free one")
    parser.add_argument("--day", type=int, default=1, choices=(1, 2), help="the newsroom's day")
    parser.add_argument("--outlets", type=Path, help="folder to write the four outlet files to")
    options = parser.parse_args()
    with Newsroom(options.port, day=options.day) as room:
        if options.outlets:
            write_outlets(options.outlets, room.port)
        print("For a browser, add to /etc/hosts:  127.0.0.1 " + " ".join(room.hosts))
        for host in room.hosts:
            print(f"http://{host}:{room.port}/")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
