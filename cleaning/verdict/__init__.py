"""Judgements on a cleaned page: is it an article at all, and how sure is its text.

May import: `cleaning.records`, `.text`, `.vocabulary`, `.metadata`. Data comes from the steps of cleaner.py; it leaves
as NoArticle with a reason, or as a probability. Open first: not_an_article.py.
"""
