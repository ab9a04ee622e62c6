"""Articles that are published on several pages, and pages with several addresses.

May import: `cleaning.records`, `.url`, `.text`, `.vocabulary`, `.metadata`. Data comes from a page's links and URLs; it
leaves as the URL of the next or first page, or as one joined Article. Open first: next_page.py.
"""
