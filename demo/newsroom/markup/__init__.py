"""Four publishing systems, one module each: path(page), render(page, base), listing(heading, links)."""
