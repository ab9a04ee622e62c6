"""Judges a cleaned page: whether it is an article at all, and how likely its text is right.

May import: `cleaning.records`, `.text`, `.vocabulary`, `.metadata`. Input comes from the steps of cleaner.py; the
result is NoArticle with a reason, or a probability. Open first: not_an_article.py.
"""
