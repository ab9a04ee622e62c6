"""Four invented outlets with their clutter, their agency copies and their traps, and the answers to them.

Every name, place and sentence is made up. The stories are data (stories/*.toml), the four publishing systems
are code (markup/), and `gold` says what a crawl should make of every address.
"""

from demo.newsroom.answers import GoldPage, gold
from demo.newsroom.outlets import write_outlets
from demo.newsroom.server import Newsroom

__all__ = ["GoldPage", "Newsroom", "gold", "write_outlets"]
