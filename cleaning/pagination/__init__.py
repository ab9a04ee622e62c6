"""Handles paginated articles (one article on several pages) and alternate URLs (several URLs of one page).

May import: `cleaning.records`, `.url`, `.text`, `.vocabulary`, `.metadata`. Input is a page's links and URLs; the
result is the URL of the next or first page, or one joined Article. Open first: next_page.py.
"""
