"""What the campaigns share: a site to crawl, lakes to crawl it into, processes that are forked ready to run, faults
inside them, and the comparison with an unbroken run. Open first: lakes.py.
"""
